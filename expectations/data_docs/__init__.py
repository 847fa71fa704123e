"""Great Expectations' Data Docs of one audit: a static site that needs no network to be read.

Its pages are drawn by Great Expectations' own page renderers from the results the gate saw; no
query runs again. The shell around them is ours (`templates`): theirs loads a dozen style sheets
and scripts from content delivery networks and looks like nothing without them. The same audit
gives the same pages: nothing in them tells when or where they were drawn.
"""

from __future__ import annotations

import html
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from expectations.engine import Outcome, load, quiet
from expectations.gate import Audit, failing, row_text
from transforms.schemas.evidence import Severity

INDEX = "index.html"
SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True)
class About:
    """The run that is told of; days are UTC and inclusive."""

    run_id: str
    started_at: datetime
    first: date
    last: date


def result_page(table: str) -> str:
    """Where in the site the results on a table are."""
    return f"validations/{table}.html"


def suite_page(table: str) -> str:
    """Where in the site the expectations of a table are, with reasons and queries."""
    return f"expectations/{table}.html"


def site(audit: Audit, about: About) -> dict[str, str]:
    """HTML by path within the site: an index, and two pages a table.

    Takes half a second for 350 expectations once Great Expectations is imported.
    """
    load()
    outcomes = {(outcome.table, outcome.rule.name): outcome for outcome in audit.outcomes}
    by_table: dict[str, list[_Finding]] = {}
    for row in audit.results.iter_rows(named=True):
        outcome = outcomes.get((row["table_name"], row["expectation"]))
        by_table.setdefault(row["table_name"], []).append(_finding(row, outcome))
    with quiet():
        drawn = _Pages(about)
        pages = {}
        for table, findings in sorted(by_table.items()):
            pages[suite_page(table)] = drawn.suite(table, findings)
            pages[result_page(table)] = drawn.results(table, sorted(findings, key=_urgency))
        pages[INDEX] = drawn.index(audit, by_table)
    return pages


@dataclass(frozen=True, slots=True)
class _Finding:
    """One expectation and what became of it.

    asked: Great Expectations' configuration of it; None where it could not be asked, or was not
    asked through Great Expectations.
    shown: why it did not hold, a line each.
    """

    name: str
    severity: str
    threshold: str
    success: bool
    observed: str
    shown: Sequence[str]
    reason: str | None
    asked: Any


def _finding(row: Mapping[str, Any], outcome: Outcome | None) -> _Finding:
    told = None if outcome is None else [*_shown(outcome)]
    return _Finding(
        name=row["expectation"],
        severity=row["severity"],
        threshold=row["threshold"] or "",
        success=row["success"],
        observed=row["observed"] or "not judged",
        shown=told or ([] if row["success"] else [row["detail"]]),
        reason=None if outcome is None else outcome.rule.reason,
        asked=None
        if outcome is None or outcome.evidence is None
        else outcome.evidence.expectation_config,
    )


def _shown(outcome: Outcome) -> Iterator[str]:
    if outcome.error is not None:
        yield f"could not be judged: {' '.join(outcome.error.split())}"
    elif outcome.other is not None:
        yield outcome.other
    for row in outcome.worst[:SHOWN_ROWS]:
        yield row_text(row)
    if outcome.failing is not None and outcome.failing > SHOWN_ROWS:
        yield f"and {outcome.failing - SHOWN_ROWS} more"


def _urgency(finding: _Finding) -> int:
    """0: critical and did not hold. 1: a warning. 2: held."""
    if finding.success:
        return 2
    return int(finding.severity != Severity.CRITICAL.value)


class _Pages:
    """Great Expectations' renderers, set up once for a site."""

    def __init__(self, about: About) -> None:
        view = importlib.import_module("expectations.data_docs.view")
        self._about = about
        self._view = view.OfflinePageView()
        self._of = importlib.import_module("great_expectations.render")
        renderers = importlib.import_module("great_expectations.render.renderer")
        self._results = renderers.ValidationResultsPageRenderer()
        self._suite = renderers.ExpectationSuitePageRenderer()
        self._core = importlib.import_module("great_expectations.core")
        self._configured = importlib.import_module(
            "great_expectations.expectations.expectation_configuration"
        ).ExpectationConfiguration

    def suite(self, table: str, findings: Sequence[_Finding]) -> str:
        suite = self._core.ExpectationSuite(
            name=table, expectations=[self._configuration(finding) for finding in findings]
        )
        return self._page(self._suite.render(suite), f"expectations on {table}", "../")

    def results(self, table: str, findings: Sequence[_Finding]) -> str:
        held = sum(finding.success for finding in findings)
        run = self._core.RunIdentifier(run_name=self._about.run_id, run_time=self._about.started_at)
        results = self._core.ExpectationSuiteValidationResult(
            success=held == len(findings),
            results=[self._result(finding) for finding in findings],
            suite_name=table,
            statistics={
                "evaluated_expectations": len(findings),
                "successful_expectations": held,
                "unsuccessful_expectations": len(findings) - held,
                "success_percent": 100 * held / len(findings),
            },
            meta={"run_id": run, "batch_spec": {"data_asset_name": table}},
        )
        page = self._page(self._results.render(results), f"{table}: results", "../")
        # Great Expectations' own sites keep the results of many runs, three folders deeper.
        return page.replace("../../../../expectations/", "../expectations/")

    def index(self, audit: Audit, by_table: Mapping[str, Sequence[_Finding]]) -> str:
        about = self._about
        days = f"{about.first}" if about.first == about.last else f"{about.first} … {about.last}"
        held = audit.results["success"].sum()
        failed = failing(audit)
        blocks = [
            self._of.RenderedHeaderContent(
                content_block_type="header",
                header=self._text(f"Run {about.run_id}: {audit.verdict.value}"),
                subheader=self._text(f"{days}: {held} of {audit.results.height} expectations held"),
                styling={"header": {"classes": ["alert", "alert-secondary"]}},
            )
        ]
        if failed.height:
            found = [self._failed(row) for row in failed.iter_rows(named=True)]
            blocks.append(
                self._table("Did not hold", ["", "Rule", "Where", "Asked", "Found"], found)
            )
        rows = [
            [
                self._icon(held=all(f.success for f in findings)),
                self._link(result_page(table), table),
                self._text(f"{sum(f.success for f in findings)} of {len(findings)}"),
                *(self._text(str(sum(_urgency(f) == n for f in findings))) for n in (0, 1)),
                self._link(suite_page(table), "expectations"),
            ]
            for table, findings in sorted(by_table.items())
        ]
        blocks.append(
            self._table("Tables", ["", "Table", "Held", "Critical", "Warnings", ""], rows)
        )
        section = self._of.RenderedSectionContent(section_name="Overview", content_blocks=blocks)
        document = self._of.RenderedDocumentContent(
            sections=[section], renderer_type="SiteIndexPageRenderer"
        )
        return self._page(document, f"Data quality of run {about.run_id}", "")

    def _failed(self, row: Mapping[str, Any]) -> list[Any]:
        where = " ".join(str(row[name]) for name in ("date", "venue") if row[name] is not None)
        rule = f"{row['table_name']}.{row['expectation']}"
        return [
            self._text(row["severity"], f"badge-{row['severity']}", "badge"),
            self._link(result_page(row["table_name"]), rule),
            self._text(where or "the table"),
            self._text(row["threshold"] or ""),
            self._text(row["detail"] or ""),
        ]

    def _page(self, document: Any, title: str, home: str) -> str:
        rendered = self._view.render(document, title=title, home=home, about=self._about)
        # Templates leave blank lines by the hundred, and they would be kept for each run.
        lines = (line.strip() for line in rendered.splitlines())
        return "\n".join(line for line in lines if line) + "\n"

    def _configuration(self, finding: _Finding) -> Any:
        """The expectation as it was asked, in words, with its reason and its query as a note."""
        words = (
            f"<b>{html.escape(finding.name)}</b> "
            f'<span class="badge badge-{finding.severity}">{finding.severity}</span>\n'
            f"{html.escape(finding.threshold)}"
        )
        notes = [] if finding.reason is None else [finding.reason]
        if finding.asked is None:
            # What was not asked through Great Expectations still needs a kind it can draw.
            kind, arguments = "unexpected_rows_expectation", {"unexpected_rows_query": "{batch}"}
        else:
            kind, arguments = finding.asked.type, dict(finding.asked.kwargs)
            arguments.pop("batch_id", None)
            if "unexpected_rows_query" in arguments:
                notes.append(f"```\n{arguments['unexpected_rows_query']}\n```")
        return self._configured(
            type=kind,
            kwargs=arguments,
            meta={"rule": finding.name},
            notes=notes,
            description=words,
            severity=finding.severity,
        )

    def _result(self, finding: _Finding) -> Any:
        return self._core.ExpectationValidationResult(
            success=finding.success,
            expectation_config=self._configuration(finding),
            result={
                "observed_value": html.escape(finding.observed),
                # Zero keeps out a sentence on values and their share: these are rows of a query.
                "unexpected_count": 0,
                "partial_unexpected_list": [html.escape(line) for line in finding.shown],
            },
        )

    def _text(self, text: str, *classes: str) -> Any:
        return self._of.RenderedStringTemplateContent(
            content_block_type="string_template",
            string_template={
                "template": "$text",
                "params": {"text": text},
                "styling": {"classes": list(classes)},
            },
        )

    def _link(self, address: str, text: str) -> Any:
        return self._of.RenderedStringTemplateContent(
            content_block_type="string_template",
            string_template={
                "template": "$text",
                "params": {"text": text},
                "tag": "a",
                "styling": {"attributes": {"href": address}},
            },
        )

    def _icon(self, *, held: bool) -> Any:
        shape = ["fa-check-circle", "text-success"] if held else ["fa-times", "text-danger"]
        return self._text("", "fas", *shape)

    def _table(self, title: str, columns: list[str], rows: list[list[Any]]) -> Any:
        return self._of.RenderedTableContent(
            content_block_type="table",
            header=self._text(title, "h6"),
            header_row=columns,
            table=rows,
            styling={"body": {"classes": ["table"]}},
        )
