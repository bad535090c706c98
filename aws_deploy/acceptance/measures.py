"""The time and cost of a batch, from the services' own figures: Glue's DPU seconds, Lambda's billed durations, Step
Functions' history, Athena's scanned bytes.

Lambda calls and queries are counted if they fall into the batch's time, by this machine's clock: nothing else runs in
these stacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws_deploy import costs
from aws_deploy.acceptance.batches import Batch
from aws_deploy.acceptance.permissions import missing_permission
from aws_deploy.acceptance.plan import LoadPath, Site
from aws_deploy.presets import ACCEPTANCE
from lakehouse_assets.batches.lakehouse import Lakehouse

REPORT = re.compile(
    r"Billed Duration: (?P<billed>[\d.]+) ms\s+Memory Size: (?P<memory>\d+) MB.*?(?:Init Duration: (?P<init>[\d.]+)"
    r" ms|$)",
    re.DOTALL,
)
NOT_HERE = "not measured here: the embedded AWS has no prices, and its times are this machine's"


@dataclass(frozen=True)
class Figure:
    """A measured number; or None and `why_not`, the reason. `of_aws`: a time or a price, which only an AWS account can
    give.
    """

    value: float | None
    unit: str
    why_not: str = ""
    of_aws: bool = True


@dataclass(frozen=True)
class Measured:
    """Measures one batch by asking the services."""

    site: Site
    path: LoadPath
    batch: Batch

    def figures(self) -> dict[str, Figure]:
        """The figures by name. A figure that cannot be measured has the reason; nothing is raised."""
        wanted: dict[str, tuple[str, bool, Callable[[], float | None]]] = {
            "batch": ("s", False, lambda: self.batch.ended - self.batch.began)
        }
        if self.path.orchestrator == "state_machine":
            wanted |= {
                "state transitions": ("", False, lambda: float(len(self._entered))),
                "crawls": ("", False, lambda: float(sum(name.startswith("StartCrawler") for name in self._entered))),
                "execution": ("s", True, self._execution_seconds),
                "start of a Lambda, the longest": ("s", True, lambda: _most(start for _, _, _, start in self._calls)),
                "other Lambdas, each": (
                    "s",
                    True,
                    lambda: _mean([billed for role, billed, _, _ in self._calls if role != "load"]),
                ),
                "Lambdas": ("GB s", True, lambda: sum(billed * gb for _, billed, gb, _ in self._calls)),
            }
            if self.path.engine == "embedded":
                wanted["the load's Lambda, the longest"] = (
                    "s",
                    True,
                    lambda: _most(billed for role, billed, _, _ in self._calls if role == "load"),
                )
        if self.path.engine == "glue":
            wanted |= {
                "Glue runs": ("", False, lambda: float(len(self._runs))),
                "start of a Glue run, the longest": ("s", True, lambda: _most(map(_start_of, self._runs))),
                "a Glue run, the longest": ("DPU s", True, lambda: _most(run.get("DPUSeconds") for run in self._runs)),
                "Glue": ("DPU s", True, lambda: _sum(run.get("DPUSeconds") for run in self._runs)),
            }
        if self.path.orchestrator == "state_machine" and self.path.new_catalog:
            wanted |= {
                "a crawl, the longest": (
                    "s",
                    True,
                    lambda: _most((crawl["EndTime"] - crawl["StartTime"]).total_seconds() for crawl in self._crawls),
                ),
                "crawlers": ("DPU h", True, lambda: _sum(crawl.get("DPUHour") for crawl in self._crawls)),
            }
        wanted |= {
            "Athena, bytes scanned by a query, the most": (
                "bytes",
                False,
                lambda: _most(query["DataScannedInBytes"] for query in self._queries),
            ),
            "Athena, a query, the longest": (
                "s",
                True,
                lambda: _most(query["TotalExecutionTimeInMillis"] / 1000 for query in self._queries),
            ),
            "Athena": ("dollars", True, lambda: _athena_dollars(self._queries)),
        }
        found = {name: self._figure(unit, of_aws, ask) for name, (unit, of_aws, ask) in wanted.items()}
        return found | {"price": _price(found)}

    def _figure(self, unit: str, of_aws: bool, ask: Callable[[], float | None]) -> Figure:
        if of_aws and self.site.is_embedded:
            return Figure(None, unit, NOT_HERE)
        try:
            value = ask()
        except (ClientError, BotoCoreError) as error:
            missing = missing_permission(str(error))
            return Figure(
                None,
                unit,
                f"not measured: the permission {missing} is missing" if missing else f"not measured: {error}",
                of_aws,
            )
        return Figure(value, unit, "" if value is not None else "not measured: AWS gave no figure", of_aws)

    @cached_property
    def _entered(self) -> list[str]:
        """The names of the states that the execution entered. Each is billed as a transition."""
        pages = (
            self.site.aws.client("stepfunctions")
            .get_paginator("get_execution_history")
            .paginate(executionArn=self.batch.execution)
        )
        return [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    def _execution_seconds(self) -> float:
        found = self.site.aws.client("stepfunctions").describe_execution(executionArn=self.batch.execution)
        return float((found["stopDate"] - found["startDate"]).total_seconds())

    @cached_property
    def _calls(self) -> list[tuple[str, float, float, float | None]]:
        """The calls of Lambdas: role, billed seconds, memory in GB, and the seconds of the start if it was a cold
        start.
        """
        return [(role, *call) for role, function in ACCEPTANCE.functions.items() for call in self._calls_of(function)]

    def _calls_of(self, function: str) -> Iterator[tuple[float, float, float | None]]:
        asked = {
            "logGroupName": f"/aws/lambda/{function}",
            "filterPattern": '"REPORT RequestId"',
            **self._window_in_ms(),
        }
        for page in self.site.aws.client("logs").get_paginator("filter_log_events").paginate(**asked):
            for event in page["events"]:
                if said := REPORT.search(event["message"]):
                    yield (
                        float(said["billed"]) / 1000,
                        int(said["memory"]) / 1024,
                        float(said["init"]) / 1000 if said["init"] else None,
                    )

    @cached_property
    def _runs(self) -> list[dict[str, Any]]:
        lakehouse, glue = Lakehouse(self.site.settings, self.site.aws), self.site.aws.client("glue")
        jobs = [self.site.settings.job_name(contract) for contract in lakehouse.contracts.values()]
        return [run for job in jobs for run in glue.get_job_runs(JobName=job)["JobRuns"] if self._is_of_batch(run)]

    def _is_of_batch(self, run: Mapping[str, Any]) -> bool:
        return self.batch.batch_id in str(run.get("Arguments", {}).get("--manifest", ""))

    @cached_property
    def _crawls(self) -> list[dict[str, Any]]:
        glue, names = self.site.aws.client("glue"), (ACCEPTANCE.crawler, f"{ACCEPTANCE.crawler}-rejected")
        return [crawl for name in names for crawl in glue.list_crawls(CrawlerName=name)["Crawls"] if "EndTime" in crawl]

    @cached_property
    def _queries(self) -> list[dict[str, Any]]:
        """The statistics of the workgroup's queries while the batch ran."""
        athena = self.site.aws.client("athena")
        pages = athena.get_paginator("list_query_executions").paginate(WorkGroup=self.site.settings.workgroup)
        asked = [page["QueryExecutionIds"] for page in pages if page["QueryExecutionIds"]]
        found = [
            query
            for ids in asked
            for query in athena.batch_get_query_execution(QueryExecutionIds=ids)["QueryExecutions"]
        ]
        began, ended = (datetime.fromtimestamp(seconds, UTC) for seconds in (self.batch.began, self.batch.ended))
        return [
            query["Statistics"]
            for query in found
            if began <= query["Status"]["SubmissionDateTime"] <= ended and "DataScannedInBytes" in query["Statistics"]
        ]

    def _window_in_ms(self) -> dict[str, int]:
        return {"startTime": int(self.batch.began * 1000), "endTime": int(self.batch.ended * 1000)}


def _start_of(run: Mapping[str, Any]) -> float | None:
    """Seconds from a run's start until its work begins, which are not billed (ExecutionTime is "the amount of time that
    the job run consumed resources"). None if the run has not ended.
    """
    if "CompletedOn" not in run:
        return None
    return float((run["CompletedOn"] - run["StartedOn"]).total_seconds()) - float(run["ExecutionTime"])


def _athena_dollars(queries: list[dict[str, Any]]) -> float:
    above = sum(max(0, query["DataScannedInBytes"] - costs.ATHENA_LEAST_BYTES) for query in queries)
    return costs.athena(len(queries), above)


DOLLARS: Mapping[str, Callable[[float], float]] = {
    "Glue": costs.dpus,
    "Lambdas": costs.lambdas,
    "state transitions": costs.transitions,
    "crawlers": lambda hours: costs.dpus(hours * 3600),
    "Athena": float,
}


def _price(found: Mapping[str, Figure]) -> Figure:
    """The dollars of everything that is billed, at list prices."""
    billed = {name: figure for name, figure in found.items() if name in DOLLARS}
    if missing := next((figure for figure in billed.values() if figure.value is None), None):
        return Figure(None, "dollars", missing.why_not)
    return Figure(
        sum(DOLLARS[name](figure.value) for name, figure in billed.items() if figure.value is not None), "dollars"
    )


def _most(values: Iterator[float | None] | Any) -> float | None:
    known = [float(value) for value in values if value is not None]
    return max(known) if known else None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _sum(values: Iterator[float | None] | Any) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) if known else None
