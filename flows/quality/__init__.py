"""What is known of the quality of a build: for the terminal, as data, and as a site to browse."""
