"""What makes other people's tools show a published build."""
