"""Writes and serves venue archives, APIs and feeds in their exact raw format.

A second reading of the venues' formats: it shares no code with the parsers of `transforms.venues`,
so that what one of them misreads the other shows.
"""
