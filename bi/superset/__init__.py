"""Apache Superset: datasets, charts and a dashboard over a published build (docs/bi.md).

`assets/` is written from this package by `python -m bi.superset.write`, in Superset's own export
format. `python -m bi.superset.up LAKE` starts a Superset that has it.
"""
