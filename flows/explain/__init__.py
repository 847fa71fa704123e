"""`perpmill explain`: the way back from a published number to the bytes it was read from.

One module per step; all of them only read, and hand on plain values: `said` gathers them, and
`terminal` prints them.
"""
