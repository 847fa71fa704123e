"""Writes and serves venue archives, APIs and feeds in their exact raw format."""
