"""Which files Spark has read since the last look: from its own record of each query's plan, in which a scan tells how
many files it read, and their size.
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
    """`by_step` has for each step, and in it for each table (or the tables' logs), files and the MB that they have; and
    the MB that the JVM read in all.
    """

    def __init__(self, local: LocalSpark) -> None:
        # A location is cut off after 100 letters otherwise.
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
            place: {"files": files, "mb": round(size / (1 << 20), 2)} for place, (files, size) in self._found().items()
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
            for place, files, size in self._scans(number):
                before = found[place]
                found[place] = (before[0] + files, before[1] + size)
        return found

    def _scans(self, execution: int) -> list[tuple[str, int, float]]:
        values, nodes = self.store.executionMetrics(execution), self.store.planGraph(execution).allNodes()
        scans = []
        for node in (nodes.apply(at) for at in range(nodes.size())):
            location = LOCATION.search(node.desc())
            if not node.name().startswith("Scan") or location is None:
                continue
            metrics = [node.metrics().apply(at) for at in range(node.metrics().size())]
            told = {metric.name(): values.get(metric.accumulatorId()) for metric in metrics}
            files, size = told["number of files read"], told["size of files read"]
            if files.isDefined():
                scans.append((_place(location[1]), int(files.get().replace(",", "")), _bytes(size.get())))
        return scans


def _place(location: str) -> str:
    return "logs" if LOG in location else "/".join(location.rstrip("/").split("/")[-2:])


def _bytes(text: str) -> float:
    number, unit = text.split()
    return float(number.replace(",", "")) * UNITS[unit]
