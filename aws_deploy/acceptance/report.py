"""The report of an acceptance: one Markdown file for people, one JSON file for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aws_deploy.acceptance.expectations import Expectation, Outcome, in_words
from aws_deploy.acceptance.plan import Site

REMOVED, KEPT = "removed", "kept"


@dataclass(frozen=True)
class Report:
    """`began` and `ended`: ISO times in UTC. `cleaned`: REMOVED, KEPT, or why something could not be removed.
    `stopped`: why not all paths ran.
    """

    account: str
    region: str
    embedded: bool
    began: str
    ended: str
    outcomes: Sequence[Outcome]
    expectations: Sequence[Expectation]
    cleaned: str
    stopped: str | None = None

    @property
    def passed(self) -> bool:
        """Whether everything works. Figures that differ from the documentation's are not a failure."""
        return (
            not self.stopped
            and self.cleaned in (REMOVED, KEPT)
            and not any(it.severe and it.verdict == "differs" for it in self.expectations)
        )

    @property
    def missing_permissions(self) -> list[str]:
        """A text for each missing permission, with what needs it."""
        paths = [f"{it.missing} (the path {it.path.name} did not run to its end)" for it in self.outcomes if it.missing]
        figures = [
            f"{it.path.name}: {name}: {figure.why_not}"
            for it in self.outcomes
            for name, figure in it.figures.items()
            if "permission" in figure.why_not
        ]
        return paths + figures


def report_of(
    site: Site,
    began: str,
    ended: str,
    outcomes: Sequence[Outcome],
    expected: Sequence[Expectation],
    cleaned: str,
    stopped: str | None,
) -> Report:
    return Report(site.account, site.region, site.is_embedded, began, ended, outcomes, expected, cleaned, stopped)


def write(report: Report, folder: Path) -> tuple[Path, Path]:
    """Writes the two files, named by the time of the acceptance, and returns their paths: Markdown, JSON. They have no
    rows of the batch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = report.began.replace(":", "").replace("-", "")
    text, data = folder / f"{name}.md", folder / f"{name}.json"
    text.write_text(markdown(report), "utf-8")
    data.write_text(json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return text, data


def as_json(report: Report) -> dict[str, Any]:
    """The report as it is written to the JSON file."""
    paths = [
        {
            "path": it.path.name,
            "batch": it.batch.batch_id if it.batch else None,
            "status": it.batch.status if it.batch else "failed",
            "error": it.error,
            "missing_permission": asdict(it.missing) if it.missing else None,
            "figures": {name: asdict(figure) for name, figure in it.figures.items()},
        }
        for it in report.outcomes
    ]
    return {
        "account": report.account,
        "region": report.region,
        "embedded": report.embedded,
        "began": report.began,
        "ended": report.ended,
        "passed": report.passed,
        "stopped": report.stopped,
        "cleaned": report.cleaned,
        "missing_permissions": report.missing_permissions,
        "paths": paths,
        "expectations": [asdict(it) for it in report.expectations],
    }


def markdown(report: Report) -> str:
    """The report as a text in Markdown."""
    where = (
        "an embedded AWS on this machine, whose times are not AWS's and which has no prices"
        if report.embedded
        else f"account {report.account}, {report.region}"
    )
    said = "Everything works." if report.passed else "Something does not work."
    lines = [
        "# Acceptance",
        "",
        f"In {where}, {report.began} to {report.ended}. **{said}**",
        "",
        f"The deployment: {report.cleaned}.",
    ]
    if report.stopped:
        lines += ["", f"Not all paths ran: {_cell(report.stopped)}"]
    if report.missing_permissions:
        lines += ["", "## Missing permissions", "", *(f"- {_cell(it)}" for it in report.missing_permissions)]
    for verdict, heading in (
        ("differs", "Differences"),
        ("as expected", "As expected"),
        ("not measured", "Not measured"),
    ):
        found = [it for it in report.expectations if it.verdict == verdict]
        if found:
            rows = [
                (
                    it.path,
                    it.what,
                    it.expected,
                    it.found + ("" if it.severe or verdict != "differs" else " (not a failure)"),
                )
                for it in found
            ]
            lines += ["", f"## {heading}", "", *_table(("path", "what", "expected", "found"), rows)]
    measured = [
        (it.path.name, name, in_words(figure.value, figure.unit))
        for it in report.outcomes
        for name, figure in it.figures.items()
        if figure.value is not None
    ]
    if measured:
        lines += ["", "## All figures", "", *_table(("path", "what", "measured"), measured)]
    return "\n".join(lines) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    listed = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(map(_cell, row))} |" for row in listed]


def _cell(text: str) -> str:
    """The text on one line, with bars escaped: they would end the cell."""
    return " ".join(text.split()).replace("|", "\\|")
