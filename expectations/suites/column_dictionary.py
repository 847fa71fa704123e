"""What must hold for the dictionary: it describes the file it lies in."""

from __future__ import annotations

from expectations.daily_rules import not_empty
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

RULES = (
    not_empty(Severity.CRITICAL),
    no_rows(
        "describes_the_file",
        """
        WITH there AS (
          SELECT table_name, column_name, data_type FROM information_schema.columns
          JOIN information_schema.tables USING (table_catalog, table_schema, table_name)
          WHERE table_catalog = current_database() AND table_schema = 'main'
          AND table_type = 'BASE TABLE'
        )
        SELECT table_name, column_name, d.type AS described, t.data_type AS found
        FROM batch AS d FULL JOIN there AS t USING (table_name, column_name)
        WHERE d.type IS DISTINCT FROM t.data_type ORDER BY table_name, column_name
        """,
        severity=Severity.CRITICAL,
        reason="readers look up units and NULLs here",
        threshold="every column of every table, with its type, and no other",
    ),
)
