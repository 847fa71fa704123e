"""One module per exchange; each ends in `VENUE = Venue(...)`."""
