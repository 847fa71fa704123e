"""Measured, not claimed: the mill against what a user would otherwise write, in one run."""
