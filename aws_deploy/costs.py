"""The figures of docs/costs.md: AWS's list prices, the assumed usage of a small batch, and what follows from
both.

A test compares the document with them. `make acceptance` states its price by them, and measures an account's usage.
"""

from __future__ import annotations

from dataclasses import dataclass

DPU_HOUR = 0.44
LAMBDA_GB_SECOND = 0.0000166667
TRANSITION = 0.000025
ATHENA_TB = 5.0
ATHENA_LEAST_BYTES = 10_000_000
KEY_MONTH = 1.0
ALARM_MONTH = 0.10
METRIC_MONTH = 0.30
S3_LISTING = 0.000005
SQS_MILLION = 0.40
HOURS_OF_A_MONTH = 730
"""List prices of us-east-1, November 2026, in dollars."""


@dataclass(frozen=True)
class Assumed:
    """The assumed usage of a small batch (three datasets, up to some 100 MB). `glue_minutes`, `load_seconds`: of one
    dataset's load; `other_seconds`: of one of the `other_lambdas`. `transitions`: of the state machine;
    `crawl_transitions`: additional ones while it waits for crawlers, three for each look at one.
    """

    datasets: int = 3
    glue_minutes: float = 1.5
    glue_workers: int = 2
    load_seconds: float = 15
    load_gb: float = 2.9
    other_lambdas: int = 9
    other_seconds: float = 5
    other_gb: float = 0.7
    transitions: int = 40
    crawl_transitions: int = 70
    crawlers: int = 2
    crawler_minutes: float = 10
    crawler_dpus: int = 2

    @property
    def glue_dpu_seconds(self) -> float:
        """DPU seconds of one Glue run: a worker of type G.1X is one DPU."""
        return self.glue_minutes * 60 * self.glue_workers


ASSUMED = Assumed()
ALARMS = 13
LISTINGS_OF_A_MONTH = 4380
POLLS_OF_A_MONTH = 650_000


def dpus(seconds: float) -> float:
    """Dollars for DPU seconds of Glue jobs or crawlers."""
    return seconds / 3600 * DPU_HOUR


def lambdas(gb_seconds: float) -> float:
    return gb_seconds * LAMBDA_GB_SECOND


def transitions(number: float) -> float:
    return number * TRANSITION


def athena(queries: int, scanned_bytes: float = 0) -> float:
    """Dollars for queries. Athena bills the scanned bytes of each query, and at least 10 MB; `scanned_bytes`: those in
    excess of the 10 MB.
    """
    return (queries * ATHENA_LEAST_BYTES + scanned_bytes) / 1e12 * ATHENA_TB


def idle_month() -> dict[str, float]:
    """Dollars per month of an idle deployment, by item."""
    return {
        "key": KEY_MONTH,
        "alarms": ALARMS * ALARM_MONTH,
        "metric `OldestFileWaiting`": METRIC_MONTH,
        "listing the bucket every 10 min": LISTINGS_OF_A_MONTH * (lambdas(1.73) + 3 * S3_LISTING),
        "Lambda polling the queue": POLLS_OF_A_MONTH / 1e6 * SQS_MILLION,
    }


def batch(engine: str, assumed: Assumed = ASSUMED) -> dict[str, float]:
    """Dollars per batch of the state machine, by item. `engine`: glue or embedded."""
    a = assumed
    loads = (
        {"Glue runs": dpus(a.datasets * a.glue_dpu_seconds)}
        if engine == "glue"
        else {"the load's Lambda": lambdas(a.datasets * a.load_seconds * a.load_gb)}
    )
    return loads | {
        "other Lambdas": lambdas(a.other_lambdas * a.other_seconds * a.other_gb),
        "steps of the state machine": transitions(a.transitions),
        "Athena's checks": athena(a.datasets),
    }


def crawls(assumed: Assumed = ASSUMED) -> float:
    """Dollars for one run of both crawlers."""
    return dpus(assumed.crawlers * assumed.crawler_minutes * 60 * assumed.crawler_dpus)
