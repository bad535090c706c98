"""A lakehouse: the command line, Dagster and the Lambdas drive the same object, made from the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.batch import Batch, check_tables
from lakehouse_assets.batches.connections import Connections
from lakehouse_assets.batches.notices import Notices
from lakehouse_assets.batches.pending import Pending
from lakehouse_assets.batches.reports import Reports
from lakehouse_assets.catalog.checks import CheckResult
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.base import Engine, Maintained
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.landing.convert import WORKBOOKS_AT_ONCE, ConversionRecord, convert_uploads
from lakehouse_assets.landing.freeze import freeze
from lakehouse_assets.landing.waiting import chosen_gate, open_batch, read_manifest


@dataclass(frozen=True)
class Lakehouse(Connections):
    """The connections of a lakehouse, its batches, and the work on it that belongs to no batch."""

    @cached_property
    def pending(self) -> Pending:
        return Pending(self.zone, self.settings)

    @cached_property
    def reports(self) -> Reports:
        return Reports(self.zone)

    @cached_property
    def notices(self) -> Notices:
        return Notices(self.aws, self.settings)

    def take_lease(self, notify: Callable[[str], None]) -> None:
        """Takes the lease, so that no other process writes to this lakehouse. Call this before any step that writes.
        Waits for another holder as long as the settings say, and passes one sentence about it to `notify`."""
        self.lease.take(self.settings.lease_wait_seconds, notify)

    # Batches

    def batch(self, batch_id: str) -> Batch:
        """Any batch, open or ended. Raises BadConfiguration if its manifest is missing."""
        with failures_named(f"Reading the manifest of batch {batch_id}"):
            return Batch(self, read_manifest(self.zone, batch_id))

    @failures_named("Looking for the open batch")
    def open_batch(self) -> Batch | None:
        """The batch that was frozen and not closed yet."""
        manifest = open_batch(self.zone)
        return Batch(self, manifest) if manifest else None

    @failures_named("Converting the uploads")
    def convert(self, at_once: int = WORKBOOKS_AT_ONCE) -> list[ConversionRecord]:
        """Converts the pending uploads to CSV files under raw/, `at_once` of them in parallel. Returns one record
        per upload."""
        return convert_uploads(self.zone, at_once)

    def freeze(self, gate: str | None = None, *, keep_copies: bool = True) -> Batch | None:
        """The open batch, or a new one of all pending files; None if there are none or the gate is not satisfied.

        `gate`: "all" or "any", by default as the settings say. `keep_copies`: keep the files that were downloaded for
        preflight, for a load on this machine. Raises BadConfiguration if a contract's plan does not run: a batch that
        is frozen can be loaded.
        """
        from lakehouse_assets.etl.trial import try_plans

        try_plans(self.contracts.values(), self._engines_here(), self.zone.scratch / "plans")
        with failures_named("Freezing a batch"):
            manifest = freeze(
                self.zone,
                chosen_gate(gate, self.settings.gate),
                self.lease.confirm_if_taken,
                keep_copies=keep_copies,
            )
        return Batch(self, manifest) if manifest else None

    def _engines_here(self) -> list[Engine]:
        """The engines of this process that can try a plan. A Lambda has none."""
        engines = [self.engine] if find_spec("duckdb") else []
        return [*engines, self.spark_engine] if self.settings.chosen_engine == "spark" else engines

    def abandon(self, reason: str) -> LoadReport:
        """Abandons the open batch; see `Batch.abandon`. Raises BadConfiguration also if no batch is open."""
        batch = self.open_batch()
        if batch is None:
            raise BadConfiguration(
                "There is nothing to abandon: no batch is open. `lakehouse history` shows how earlier batches ended."
            )
        return batch.abandon(reason)

    # The tables

    @failures_named("Maintaining the tables")
    def maintain(self, retain_hours: int) -> list[Maintained]:
        """Compacts the small files of every table and deletes files older than `retain_hours` that no version needs, in
        this process. For a time when no batch is being loaded."""
        engine = self.spark_engine if self.settings.chosen_engine == "spark" else self.engine
        return [
            done
            for contract in self.contracts.values()
            for done in engine.maintain(contract, self.tables, retain_hours)
        ]

    @failures_named("Refreshing the catalog")
    def refresh_catalog(self) -> dict[str, str]:
        """Registers the tables in the Glue catalog. Returns by dataset: created, updated or up to date."""
        return {dataset: self.catalog.refresh(contract) for dataset, contract in self.contracts.items()}

    def check(self) -> dict[str, list[CheckResult]]:
        """The results of the checks of each table by itself, by dataset; `Batch.check` also checks for its rows."""
        return check_tables(self)

    def rows_in(self, uri: str) -> int | None:
        """The number of rows of a Delta table, by its log alone; None if the table does not exist yet."""
        from lakehouse_assets.etl.engines.embedded.delta import existing_table

        table = existing_table(uri, self.aws.storage_options)
        return None if table is None else int(table.count())

    def rows_by_partition(self, uri: str) -> dict[str, int]:
        """The number of rows of a Delta table by the partition's value (`delta.rows_by_partition`)."""
        from lakehouse_assets.etl.engines.embedded.delta import existing_table, rows_by_partition

        table = existing_table(uri, self.aws.storage_options)
        return {} if table is None else rows_by_partition(table)
