"""The load reports of a lakehouse's batches, as they lie in the bucket."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.landing.model import Manifest
from lakehouse_assets.landing.zone import LandingZone


@dataclass(frozen=True)
class Reports:
    """Reads the reports, one object per batch. `Batch` writes them."""

    zone: LandingZone

    @failures_named("Reading the report")
    def of(self, manifest: Manifest) -> LoadReport | None:
        """The report of one batch; None if none was written yet."""
        return self._read(self.zone.report_key(manifest))

    def all(self) -> list[LoadReport]:
        """The report of every batch, oldest first."""
        return list(self.after("").values())

    @failures_named("Reading the history")
    def after(self, key: str) -> dict[str, LoadReport]:
        """The reports whose keys follow this one (all of them after ""), by key, the oldest batch first."""
        return self.at(self.zone.store.keys(self.zone.reports_prefix, key))

    @failures_named("Reading the history")
    def at(self, keys: Iterable[str]) -> dict[str, LoadReport]:
        """The reports at these keys, without those that do not exist."""
        return {key: report for key in keys if (report := self._read(key))}

    def _read(self, key: str) -> LoadReport | None:
        return cast("LoadReport | None", self.zone.store.get_json(key))
