"""Every table once: columns, types, units, keys and meaning.

`normalised` holds one schema per dataset (what parsers of all venues end in), `published`
one per table that readers see. Checks, DDL and the data dictionary are derived from them.
"""
