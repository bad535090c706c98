"""The files that no batch has taken yet: whether they are work, and how long they have been waiting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.landing.model import FileVersion
from lakehouse_assets.landing.waiting import HeldBack, chosen_gate, held_back, waiting_files, waiting_since, work_to_do
from lakehouse_assets.landing.zone import LandingZone
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Pending:
    """Reads the bucket; writes nothing."""

    zone: LandingZone
    settings: Settings

    @failures_named("Looking at the pending files")
    def work_to_do(self) -> str | None:
        """A name for the work of the next batch, the same for the same work; None if there is nothing to do."""
        return work_to_do(self.zone, self.settings.gate)

    @failures_named("Looking at the pending files")
    def files(self) -> dict[str, list[FileVersion]]:
        """The files in each dataset's folder, by dataset."""
        return waiting_files(self.zone)

    @failures_named("Looking at the pending files")
    def longest_wait(self) -> float:
        """For how many seconds the oldest file has been pending that no batch has archived; 0 if there is none."""
        since = waiting_since(self.zone)
        return max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else 0.0

    @failures_named("Looking at the files that the gate holds back")
    def held_back(self, longer_than: timedelta | None = None, gate: str | None = None) -> HeldBack | None:
        """The files that have waited for the gate longer than that, by default longer than the settings call usual;
        None if there are none. `gate`: replaces the setting."""
        usual = timedelta(hours=self.settings.gate_wait_hours)
        return held_back(
            self.zone,
            chosen_gate(gate, self.settings.gate),
            usual if longer_than is None else longer_than,
        )
