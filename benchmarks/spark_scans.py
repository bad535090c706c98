"""The files that Spark has read in each step, from its own records of query plans, in which a scan has the number and
the size of the files that it read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from benchmarks.local_spark import LocalSpark

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
LOCATION = re.compile(r"Location: \w+ ?\(\d+ paths?\)\[([^,\]]*)")
LOG = "_delta_log"


class Scans:
    """`by_step`: for each step, the files and their MiB for each table (or the tables' logs), and the MiB that the JVM
    read in all.
    """

    def __init__(self, local: LocalSpark) -> None:
        # Otherwise a location is cut after 100 characters.
        local.spark.conf.set("spark.sql.maxMetadataStringLength", "1000")
        self.local = local
        self.by_step: dict[str, dict[str, Any]] = {}
        jvm_session: Any = local.spark._jsparkSession
        self.store: Any = jvm_session.sharedState().statusStore()
        self.latest = -1
        self.read, _ = local.io_bytes()
        self._found()

    def __call__(self, step: str) -> None:
        read, _ = self.local.io_bytes()
        found = {
            table: {"files": files, "mb": round(size / (1 << 20), 2)} for table, (files, size) in self._found().items()
        }
        self.by_step[step] = {**found, "read_mb": (read - self.read) >> 20}
        self.read, _ = self.local.io_bytes()

    def _found(self) -> dict[str, tuple[int, float]]:
        context: Any = self.local.spark.sparkContext._jsc
        context.sc().listenerBus().waitUntilEmpty()
        executions = self.store.executionsList()
        numbers = [
            number for at in range(executions.size()) if (number := executions.apply(at).executionId()) > self.latest
        ]
        self.latest = max([self.latest, *numbers])
        found: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
        for number in numbers:
            for table, files, size in self._scans(number):
                before = found[table]
                found[table] = (before[0] + files, before[1] + size)
        return found

    def _scans(self, execution: int) -> list[tuple[str, int, float]]:
        values, nodes = self.store.executionMetrics(execution), self.store.planGraph(execution).allNodes()
        scans = []
        for node in (nodes.apply(at) for at in range(nodes.size())):
            location = LOCATION.search(node.desc())
            if not node.name().startswith("Scan") or location is None:
                continue
            metrics = [node.metrics().apply(at) for at in range(node.metrics().size())]
            reported = {metric.name(): values.get(metric.accumulatorId()) for metric in metrics}
            files, size = reported["number of files read"], reported["size of files read"]
            if files.isDefined():
                scans.append((_table(location[1]), int(files.get().replace(",", "")), _bytes(size.get())))
        return scans


def _table(location: str) -> str:
    return "logs" if LOG in location else "/".join(location.rstrip("/").split("/")[-2:])


def _bytes(text: str) -> float:
    number, unit = text.split()
    return float(number.replace(",", "")) * UNITS[unit]
