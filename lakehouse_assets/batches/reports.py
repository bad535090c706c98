"""What is asked of a lakehouse about its batches: the one under way, any one's manifest, and the reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.connections import Connections
from lakehouse_assets.landing.model import Manifest
from lakehouse_assets.landing.waiting import open_batch, read_manifest


@dataclass(frozen=True)
class Reports(Connections):
    """Reads only."""

    def open_batch(self) -> Manifest | None:
        with failures_named("Looking for a batch under way"):
            return open_batch(self.zone)

    def manifest(self, batch_id: str) -> Manifest:
        with failures_named(f"Reading the manifest of batch {batch_id}"):
            return read_manifest(self.zone, batch_id)

    def is_under_way(self, batch_id: str) -> bool:
        """Whether a batch is the open one, and not being given up: whether there is anything to be done for it."""
        under_way = self.open_batch()
        if under_way is None or under_way.batch_id != batch_id:
            return False
        report = self.report(under_way)
        return report is None or report["status"] != "abandoned"

    def report(self, manifest: Manifest) -> dict[str, Any] | None:
        with failures_named("Reading the report"):
            return self.zone.store.get_json(self.zone.report_key(manifest))

    def history(self) -> list[dict[str, Any]]:
        """The report of every batch, oldest first."""
        return list(self.reports_after("").values())

    def reports_after(self, key: str) -> dict[str, dict[str, Any]]:
        """The reports behind a report's key (all behind none), by key, the oldest batch first."""
        with failures_named("Reading the history"):
            return self.reports_at(self.zone.store.keys(self.zone.reports_prefix, key))

    def reports_at(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The reports at these keys, those that are there."""
        with failures_named("Reading the history"):
            return {key: report for key in keys if (report := self.zone.store.get_json(key))}
