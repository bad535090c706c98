"""Compares each path's outcome with what is expected. The limits of times and dollars are the figures of
docs/costs.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aws_deploy import costs
from aws_deploy.acceptance.batches import Batch
from aws_deploy.acceptance.comparison import Found, different_answers, different_rows
from aws_deploy.acceptance.measures import Figure
from aws_deploy.acceptance.permissions import Missing
from aws_deploy.acceptance.plan import LoadPath, dollars_of
from aws_deploy.acceptance.trial import Looked

Verdict = Literal["as expected", "differs", "not measured"]
GLUE_START_SECONDS = 60.0
LAMBDA_START_SECONDS = 10.0
"""Lambda's limit for the init phase of a function. Beyond it, Lambda repeats the initialization within the call's time.
"""


@dataclass(frozen=True)
class Expectation:
    """`severe`: the acceptance fails if it differs. A time or a price that differs is only a reason to correct the
    documentation.
    """

    path: str
    what: str
    expected: str
    found: str
    verdict: Verdict
    severe: bool = True


@dataclass(frozen=True)
class Outcome:
    """The outcome of one path. `error`: why there is no batch, or why its tables could not be read."""

    path: LoadPath
    batch: Batch | None = None
    looked: Looked | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    error: str | None = None
    missing: Missing | None = None


def expectations(outcomes: list[Outcome], reference: Found, datasets: int) -> list[Expectation]:
    """All expectations with their verdicts. `reference`: the content after loading the same files on this machine;
    `datasets`: the number of datasets in the batch.
    """
    return [expectation for outcome in outcomes for expectation in _of(outcome, reference, datasets)]


def _of(outcome: Outcome, reference: Found, datasets: int) -> Iterator[Expectation]:
    name, batch, looked = outcome.path.name, outcome.batch, outcome.looked
    yield _exactly(name, "the batch", "succeeds", "succeeds" if batch else f"failed: {outcome.error}")
    if batch is None:
        return
    if looked is None:
        yield Expectation(name, "the tables", "can be read", f"{outcome.error}", "differs")
    else:
        rows = sum(map(len, reference.tables.values()))
        same = f"the same {rows} rows as by this machine's embedded engine"
        yield _exactly(
            name, "the tables", same, "; ".join(different_rows(reference.tables, looked.found.tables)) or same
        )
    if looked is not None and outcome.path.new_catalog:
        entries = "the contracts' columns"
        yield _exactly(
            name,
            "the catalog's entries",
            entries,
            f"differ: {', '.join(looked.outdated)}" if looked.outdated else entries,
        )
        alike = f"the same {len(reference.answers)} answers as the embedded Athena's"
        yield _exactly(
            name, "Athena", alike, "; ".join(different_answers(reference.answers, looked.found.answers)) or alike
        )
    for what, (least, most, severe) in _limits(outcome.path, datasets).items():
        if figure := outcome.figures.get(what):
            yield _within(name, what, figure, least, most, severe=severe)


def _limits(path: LoadPath, datasets: int) -> dict[str, tuple[float, float, bool]]:
    """For each figure its minimum, its maximum, and whether the acceptance fails outside of them."""
    a = costs.ASSUMED
    crawls = a.crawlers if path.new_catalog else 0
    return {
        "crawls": (crawls, crawls, True),
        "Glue runs": (datasets, datasets, True),
        "state transitions": (0, a.transitions + (a.crawl_transitions if crawls else 0), False),
        "start of a Glue run, the longest": (0, GLUE_START_SECONDS, False),
        "a Glue run, the longest": (0, a.glue_dpu_seconds, False),
        "start of a Lambda, the longest": (0, LAMBDA_START_SECONDS, False),
        "the load's Lambda, the longest": (0, a.load_seconds, False),
        "other Lambdas, each": (0, a.other_seconds, False),
        "a crawl, the longest": (0, a.crawler_minutes * 60, False),
        "Athena, bytes scanned by a query, the most": (0, costs.ATHENA_LEAST_BYTES, False),
        "price": (0, dollars_of(path), False),
    }


def _exactly(path: str, what: str, expected: str, found: str) -> Expectation:
    return Expectation(path, what, expected, found, "as expected" if found == expected else "differs")


def _within(path: str, what: str, figure: Figure, least: float, most: float, *, severe: bool) -> Expectation:
    expected = _range(least, most, figure.unit)
    if figure.value is None:
        return Expectation(path, what, expected, figure.why_not, "not measured", severe)
    # Prices are compared as they are printed, rounded to a hundredth of a cent.
    verdict: Verdict = "as expected" if least <= round(figure.value, 4) <= round(most, 4) else "differs"
    return Expectation(path, what, expected, in_words(figure.value, figure.unit), verdict, severe)


def _range(least: float, most: float, unit: str) -> str:
    return in_words(most, unit) if least == most else f"at most {in_words(most, unit)}"


def in_words(value: float, unit: str) -> str:
    if unit == "dollars":
        return f"${value:.4f}"
    return f"{value:,.0f} {unit}".strip() if unit in ("", "bytes") else f"{value:,.2f} {unit}"
