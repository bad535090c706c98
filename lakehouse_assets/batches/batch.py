"""A batch: the files that a manifest has frozen, and the steps that load them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.connections import Connections
from lakehouse_assets.batches.reports import Reports
from lakehouse_assets.catalog.checks import CheckResult, run_checks
from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import BadConfiguration, LeaseLost, TemporaryOutage
from lakehouse_assets.etl.engines.base import Engine, LoadResult
from lakehouse_assets.etl.load import load_dataset, load_result_from_json
from lakehouse_assets.etl.report import facts_of, load_report
from lakehouse_assets.etl.report_types import LoadReport, Status
from lakehouse_assets.etl.status import ABANDONED, FAILED, has_succeeded, status_of
from lakehouse_assets.glue.runs import GlueRuns
from lakehouse_assets.landing.archive import archive, archive_abandoned
from lakehouse_assets.landing.freeze import close_batch
from lakehouse_assets.landing.model import Manifest
from lakehouse_assets.landing.preconditions import confirm_archived, confirm_checked, confirm_loaded, note_checks
from lakehouse_assets.landing.waiting import open_batch
from lakehouse_assets.parallel import in_parallel

UNPACKED = 10
"""The estimated size of unpacked CSV, as a multiple of its size as gzip."""


@dataclass(frozen=True)
class Batch:
    """A manifest, with the connections that its steps need. The steps, in their order: `load` of each dataset,
    `archive`, `check`, `finish`. Each may be repeated after a crash. `abandon` ends a batch that cannot be loaded."""

    connections: Connections
    manifest: Manifest

    @property
    def id(self) -> str:
        return self.manifest.batch_id

    # Its state

    @failures_named("Looking for the open batch")
    def is_under_way(self) -> bool:
        """Whether this batch is open and not being abandoned: whether there is anything left to do for it."""
        under_way = open_batch(self.connections.zone)
        if under_way is None or under_way.batch_id != self.id:
            return False
        report = self.report()
        return report is None or report["status"] != ABANDONED

    def confirm_under_way(self) -> None:
        """Call this before a write by a run that need not hold the lease itself (a Glue run, `spark-submit`) and may
        outlive the process that started it.

        Raises LeaseLost if the batch is no longer the open one or is being abandoned, and if this process took
        the lease and has lost it.
        """
        self.connections.lease.confirm_if_taken()
        if not self.is_under_way():
            raise LeaseLost(
                f"Batch {self.id} is no longer under way: it was finished or abandoned while this run was working. The"
                " run stops. Nothing is lost or loaded twice. `lakehouse history` shows the batch's outcome."
            )

    def report(self) -> LoadReport | None:
        """The batch's load report; None if none was written yet."""
        return Reports(self.connections.zone).of(self.manifest)

    @failures_named("Reading the load results")
    def load_results(self) -> dict[str, LoadResult]:
        """The recorded results of this batch's loads so far, by dataset."""
        zone = self.connections.zone
        found = {
            dataset: zone.store.get_json(zone.load_result_key(self.id, dataset))
            for dataset in self.connections.contracts
        }
        return {dataset: load_result_from_json(value) for dataset, value in found.items() if value and value["merged"]}

    def has_work(self, dataset: str) -> bool:
        """Whether the batch has a file of the dataset or of one of its ancestors, for which orphans may be waiting, or
        whether an abandoned batch may have had one."""
        parents = self.connections.contracts[dataset].parents
        return bool(self.manifest.to_load(dataset) or (parents and self.manifest.abandoned)) or any(
            self.has_work(parent.dataset) for parent in parents
        )

    # Load

    def engine_for(self, dataset: str) -> Literal["embedded", "spark", "glue"]:
        """The engine that loads a dataset: the chosen one; with `auto` the embedded one up to a number of bytes in the
        dataset's files, and Glue above it."""
        settings = self.connections.settings
        if settings.chosen_engine != "auto":
            return settings.chosen_engine
        files = self.manifest.to_load(dataset)
        size = sum(file.size * (UNPACKED if file.dialect.compression == "gzip" else 1) for file in files)
        return "embedded" if size <= settings.auto_bytes else "glue"

    def load(self, dataset: str) -> LoadResult:
        """Loads a dataset in this process. Raises TemporaryOutage while a Glue run is under way that loads it, and what
        `load_dataset` raises."""
        self._refuse_while_glue_loads([dataset])
        connections = self.connections
        engine = connections.spark_engine if self.engine_for(dataset) == "spark" else connections.engine
        return self.load_with(engine, dataset, connections.lease.confirm_if_taken)

    def load_with(self, engine: Engine, dataset: str, confirm: Callable[[], None]) -> LoadResult:
        """Loads a dataset with this engine. `confirm` is called before each write; it raises if this process must not
        write any more."""
        c = self.connections
        with failures_named(f"Loading {dataset}"):
            return load_dataset(
                c.contracts[dataset], self.manifest, c.zone, c.tables, engine, c.settings.reject_limit, confirm
            )

    def _refuse_while_glue_loads(self, datasets: Iterable[str]) -> None:
        """A Glue run outlives a Dagster that was killed, and the choice of another engine. It checks that its batch is
        under way before each write, but not between that check and the end of the write; and on S3 its commit does not
        notice another one. (An execution of a state machine waits for its runs itself.)"""
        c = self.connections
        on_glue = c.settings.aws == "account" or c.settings.chosen_engine in ("glue", "auto")
        for dataset in datasets if on_glue and c.execution is None else ():
            job = c.settings.job_name(c.contracts[dataset])
            if run := GlueRuns(c.aws.client("glue"), job).under_way({}):
                raise TemporaryOutage(
                    f"Run {run['Id']} of Glue job {job} is {run['JobRunState'].lower()} and may still write. Wait for"
                    f" its end, or stop it (`aws glue batch-stop-job-run --job-name {job} --job-run-ids {run['Id']}`),"
                    " then run this again."
                )

    # Archive, check, finish

    @failures_named("Archiving")
    def archive(self) -> list[str]:
        """Moves the batch's files out of raw/ and uploads/. Returns their new keys. Raises BadData if a file was not
        loaded; then nothing is moved."""
        return archive(self.connections.zone, self.manifest, facts_of(self.manifest, self.load_results()))

    def check_results(self) -> dict[str, list[CheckResult]]:
        """The results of all checks, by dataset: those of the tables, and whether this batch's rows are there."""
        return check_tables(self.connections, self.id, self.load_results())

    def check(self) -> tuple[dict[str, list[CheckResult]], list[str]]:
        """Checks the tables and records the outcome, which `finish` asks for. Returns all results, and a description of
        each severe check that failed. Raises StepOutOfTurn if the batch is not loaded."""
        load_results = self.load_results()
        confirm_loaded(self.id, self._unloaded(load_results))
        found = check_tables(self.connections, self.id, load_results)
        failed = [
            f"{dataset}: {it.check}: {it.message}"
            for dataset, results in found.items()
            for it in results
            if it.severe and not it.passed
        ]
        with failures_named("Recording the checks"):
            note_checks(self.connections.zone, self.id, failed)
        return found, failed

    def _unloaded(self, load_results: Mapping[str, LoadResult]) -> list[str]:
        return [
            dataset for dataset in self.connections.contracts if dataset not in load_results and self.has_work(dataset)
        ]

    def finish(self) -> LoadReport:
        """Writes the report and closes the batch. Raises StepOutOfTurn if it is not loaded, archived and checked; then
        nothing is written.

        A state machine has run the checks itself, in states that lead here only if each passed.
        """
        c, load_results = self.connections, self.load_results()
        status = status_of(load_results.values(), self.manifest.files, c.settings.reject_warning)
        with failures_named("Closing the batch"):
            confirm_loaded(self.id, self._unloaded(load_results))
            confirm_archived(c.zone, self.manifest)
            if c.execution is None:
                confirm_checked(c.zone, self.id)
            report = self._write_report(self.manifest, load_results, status)
            if self.manifest.abandoned:
                c.zone.store.delete(c.zone.abandoned_key)
            close_batch(c.zone, self.id)
        return report

    # When it cannot be loaded

    @failures_named("Recording the failure")
    def record_failure(self, error: str) -> LoadReport:
        """Writes the report of a batch that failed. The batch stays open, and the next run resumes it."""
        return self._write_report(self.manifest, self.load_results(), FAILED, error)

    def abandon(self, reason: str) -> LoadReport:
        """Abandons the open batch, under the lease: the rows that it loaded stay and their files are archived; its
        other files are quarantined. Returns the report.

        The report says so first: from then on no run resumes the batch, and a call that was interrupted has to be
        repeated. A load that was cut off between its commit and its record counts as not loaded: its rows are in the
        table, and come out as unchanged when the file is sent again.

        Raises BadConfiguration if the batch succeeded, and TemporaryOutage while a Glue run is under way that may still
        write. (Nobody else works on the batch under the lease: a batch without a report was killed, perhaps each time.)
        """
        from lakehouse_assets.catalog.audit import in_the_tables

        error = self._reason_to_abandon(reason)
        c, manifest = self.connections, self.manifest
        self._refuse_while_glue_loads(c.contracts)
        with failures_named(f"Abandoning batch {self.id}"):
            decided = {
                dataset for dataset in c.contracts if c.zone.store.exists(c.zone.load_result_key(self.id, dataset))
            }
            load_results = in_the_tables(self.load_results(), self.id, c.tables)
            self._write_report(manifest, load_results, ABANDONED, error)
            files = archive_abandoned(c.zone, manifest, facts_of(manifest, load_results), decided, error)
            report = self._write_report(replace(manifest, files=tuple(files)), load_results, ABANDONED, error)
            c.zone.store.put_json(c.zone.abandoned_key, [*manifest.abandoned, self.id])
            close_batch(c.zone, self.id)
        return report

    def _reason_to_abandon(self, reason: str) -> str:
        report = self.report()
        if report is None:
            return f"{reason} (It was stopped or killed before it could say why.)"
        if has_succeeded(report):
            raise BadConfiguration(
                f"Batch {self.id} succeeded, but was interrupted before it was closed. `lakehouse load` or the job"
                " closes it."
            )
        if report["status"] == ABANDONED:
            return report["error"] or reason
        return f"{reason} (It had failed: {report['error']})"

    def _write_report(
        self, manifest: Manifest, load_results: Mapping[str, LoadResult], status: Status, error: str | None = None
    ) -> LoadReport:
        zone = self.connections.zone
        report = load_report(manifest, load_results, status, error, self.connections.run_by)
        zone.store.put_json(zone.report_key(manifest), report)
        return report


def check_tables(
    connections: Connections, batch_id: str = "", load_results: Mapping[str, LoadResult] | None = None
) -> dict[str, list[CheckResult]]:
    """The results of all checks of Athena and the catalog, by dataset. With a batch's load results also whether its
    rows are in the tables."""

    def checked(contract: Contract) -> list[CheckResult]:
        return run_checks(
            connections.athena,
            connections.catalog,
            contract,
            batch_id,
            (load_results or {}).get(contract.dataset),
            connections.settings.reject_warning,
        )

    contracts = connections.contracts
    with failures_named("Checking the tables"):
        return dict(zip(contracts, in_parallel(checked, contracts.values()), strict=True))
