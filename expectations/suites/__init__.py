"""The suites: one module per table with its `RULES`, found by the table's name.

Rules about days look at the run's days and what these are compared with; rules about keys and
types at the whole table. A table without a module still has the rules of its schema.
"""

from __future__ import annotations

import importlib
import pkgutil

from expectations.rule import Rule
from expectations.structure import structure_rules
from transforms.schemas.published import PUBLISHED_TABLES


def suites() -> dict[str, tuple[Rule, ...]]:
    """All rules by table. Raises ValueError for a suite without a table or a name used twice."""
    own: dict[str, tuple[Rule, ...]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.name not in PUBLISHED_TABLES:
            raise ValueError(f"there is a suite for {module_info.name}, but no such table")
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        own[module_info.name] = module.RULES
    found: dict[str, tuple[Rule, ...]] = {}
    for table in PUBLISHED_TABLES:
        rules = (*structure_rules(table), *own.get(table, ()))
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{table} has two rules named {', '.join(twice)}")
        found[table] = rules
    return found
