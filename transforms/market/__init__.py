"""What all venues together show: totals, weighted rates, and signals against an asset's past."""
