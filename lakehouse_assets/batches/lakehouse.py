"""The steps of a batch as one object, built once from the settings: the command line, Dagster and the Lambdas drive the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.aws.topic import publish
from lakehouse_assets.batches.reports import Reports
from lakehouse_assets.catalog.checks import CheckResult, run_checks
from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import BadConfiguration, LeaseLostError, TemporaryOutage
from lakehouse_assets.etl.engines.base import Judgement, Maintained
from lakehouse_assets.etl.load import judgement_from_json, load_dataset
from lakehouse_assets.etl.report import facts_of, load_report
from lakehouse_assets.etl.status import ABANDONED, FAILED, has_succeeded, status_of
from lakehouse_assets.glue.runs import GlueRuns
from lakehouse_assets.landing.archive import archive, set_aside
from lakehouse_assets.landing.convert import WORKBOOKS_AT_ONCE, convert_uploads
from lakehouse_assets.landing.freeze import close_batch, freeze
from lakehouse_assets.landing.model import FileVersion, Manifest
from lakehouse_assets.landing.preconditions import confirm_archived, confirm_checked, confirm_loaded, note_checks
from lakehouse_assets.landing.waiting import HeldBack, held_back, waiting_files, waiting_since, work_to_do
from lakehouse_assets.parallel import in_parallel

if TYPE_CHECKING:
    pass


UNPACKED = 10
"""How many bytes of CSV a byte of gzip is taken for."""


@dataclass(frozen=True)
class Lakehouse(Reports):
    """The steps of a batch, in their order, and what is asked about batches before and after."""

    def take_lease(self, told: Callable[[str], None]) -> None:
        """Before any step that writes: nobody else works on this lakehouse while this one does. Waits for whoever does,
        as long as the settings say.
        """
        with failures_named("Taking the lease"):
            self.lease.take(self.settings.lease_wait_seconds, told)

    def lease_holder(self) -> str | None:
        """Who else works on this lakehouse now, and since when, in a sentence."""
        with failures_named("Looking at the lease"):
            other = self.lease.other_holder()
        return other.told if other else None

    def holds_lease(self) -> bool:
        """Whether this one, or the execution that it is a step of, has the lease now."""
        with failures_named("Looking at the lease"):
            return self.lease.is_held()

    def lease_epoch(self) -> int:
        """How often the lease was taken, by whomever."""
        with failures_named("Looking at the lease"):
            return self.lease.epoch()

    def confirm_lease(self) -> None:
        """Before a write: raises LeaseLostError where this process took the lease, and has it no more."""
        with failures_named("Confirming the lease"):
            if self.lease.taken:
                self.lease.confirm()

    def confirm_under_way(self, batch_id: str) -> None:
        """Before a write by a run that need not hold the lease itself (Glue's, `spark-submit`'s), and that outlives
        whoever started it: raises LeaseLostError where its batch is not the open one any more, or is being given up.
        The lease, where this process took it, is confirmed, too."""
        self.confirm_lease()
        if not self.is_under_way(batch_id):
            raise LeaseLostError(
                f"Batch {batch_id} is not under way any more: it was ended or given up while this run worked. It stops"
                " here; nothing is lost and nothing doubled. `lakehouse history` shows what became of the batch."
            )

    def engine_for(self, dataset: str, manifest: Manifest) -> Literal["embedded", "spark", "glue"]:
        """What loads a dataset of a batch: the chosen engine; with `auto`, the embedded one up to a number of bytes in
        the dataset's files, Glue past it.
        """
        chosen = self.settings.chosen_engine
        if chosen != "auto":
            return chosen
        size = sum(file.size * (UNPACKED if file.compression == "gzip" else 1) for file in manifest.to_load(dataset))
        return "embedded" if size <= self.settings.auto_bytes else "glue"

    def work_to_do(self) -> str | None:
        """A name for what a batch would do now, the same for the same work; None where there is nothing to do."""
        with failures_named("Looking at what waits"):
            return work_to_do(self.zone, self.settings.gate)

    def held_back(self) -> HeldBack | None:
        """What waits for the gate longer than the settings call usual."""
        with failures_named("Looking at what the gate holds back"):
            return held_back(self.zone, self.settings.gate, timedelta(hours=self.settings.gate_wait_hours))

    def dead_letters(self) -> int:
        with failures_named("Looking at the dead-letter queue"):
            return self.queue.dead_letters()

    def where_run(self, run_id: str) -> str:
        """Where a person finds a Dagster run: a link where the UI's address is known."""
        return (
            f"Run: {self.settings.ui_url.rstrip('/')}/runs/{run_id}"
            if self.settings.ui_url
            else f"Dagster run {run_id}; `lakehouse up` shows it."
        )

    def longest_wait(self) -> float:
        """For how many seconds the oldest file waits that no batch has archived; 0 where none waits."""
        with failures_named("Looking at what waits"):
            since = waiting_since(self.zone)
        return max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else 0.0

    def tell(self, subject: str, message: str) -> None:
        """Publishes to the topic: counts, reasons and where to look; never a row's values. What is too long for a
        message is cut.
        """
        with failures_named("Telling the topic"):
            publish(self.aws, self.settings.topic, subject, message)

    def convert(self, at_once: int = WORKBOOKS_AT_ONCE) -> list[dict[str, Any]]:
        with failures_named("Converting the uploads"):
            return convert_uploads(self.zone, at_once)

    def waiting_files(self) -> dict[str, list[FileVersion]]:
        with failures_named("Looking at what waits"):
            return waiting_files(self.zone)

    def freeze(self, gate: str | None = None, *, keep_copies: bool = True) -> Manifest | None:
        """Raises BadConfiguration where a contract's plan does not run: a batch that is frozen can be loaded."""
        from lakehouse_assets.etl.plan.trial import try_plans

        try_plans(self.contracts.values(), self.zone.scratch / "plans")
        with failures_named("Freezing a batch"):
            return freeze(
                self.zone,
                "any" if (gate or self.settings.gate) == "any" else "all",
                self.confirm_lease,
                keep_copies=keep_copies,
            )

    def has_work(self, dataset: str, manifest: Manifest) -> bool:
        """Whether a batch has a file of the dataset or, for orphans that wait, of one that it descends from, or whether
        an abandoned batch may have had.
        """
        parents = self.contracts[dataset].parents
        return bool(manifest.to_load(dataset) or (parents and manifest.abandoned)) or any(
            self.has_work(parent.dataset, manifest) for parent in parents
        )

    def load(self, dataset: str, manifest: Manifest) -> Judgement:
        """Loads a dataset of a batch in this process. Raises TemporaryOutage while a Glue run goes on that loads the
        same dataset.
        """
        self._refuse_while_glue_loads([dataset])
        engine = self.spark_engine if self.engine_for(dataset, manifest) == "spark" else self.engine
        with failures_named(f"Loading {dataset}"):
            return load_dataset(
                self.contracts[dataset],
                manifest,
                self.zone,
                self.tables,
                engine,
                self.settings.reject_limit,
                self.confirm_lease,
            )

    def maintain(self, retain_hours: int) -> list[Maintained]:
        """Compacts every table's small files and deletes old ones, in this process. For a time when no batch is
        loaded.
        """
        engine = self.spark_engine if self.settings.chosen_engine == "spark" else self.engine
        with failures_named("Maintaining the tables"):
            return [
                done
                for contract in self.contracts.values()
                for done in engine.maintain(contract, self.tables, retain_hours)
            ]

    def judgements(self, manifest: Manifest) -> dict[str, Judgement]:
        """What the loads of this batch have written down so far, by dataset."""
        with failures_named("Reading the judgements"):
            found = {
                dataset: self.zone.store.get_json(self.zone.judgement_key(manifest.batch_id, dataset))
                for dataset in self.contracts
            }
        return {dataset: judgement_from_json(value) for dataset, value in found.items() if value and value["merged"]}

    def rows_in(self, uri: str) -> int | None:
        """How many rows a Delta table has, by its log alone; None where there is no table yet."""
        from lakehouse_assets.etl.engines.embedded.delta import existing_table

        table = existing_table(uri, self.aws.storage_options)
        return None if table is None else int(table.count())

    def archive(self, manifest: Manifest) -> list[str]:
        judgements = self.judgements(manifest)
        with failures_named("Archiving"):
            return archive(self.zone, manifest, facts_of(manifest, judgements))

    def refresh_catalog(self) -> dict[str, str]:
        with failures_named("Refreshing the catalog"):
            return {dataset: self.catalog.refresh(contract) for dataset, contract in self.contracts.items()}

    def check(
        self, batch_id: str = "", judgements: Mapping[str, Judgement] | None = None
    ) -> dict[str, list[CheckResult]]:
        """What Athena and the catalog say of each table; with a batch's judgements also whether its rows are there."""

        def checked(contract: Contract) -> list[CheckResult]:
            return run_checks(
                self.athena,
                self.catalog,
                contract,
                batch_id,
                (judgements or {}).get(contract.dataset),
                self.settings.reject_warning,
            )

        with failures_named("Checking the tables"):
            return dict(zip(self.contracts, in_parallel(checked, self.contracts.values()), strict=True))

    def check_batch(self, manifest: Manifest) -> tuple[dict[str, list[CheckResult]], list[str]]:
        """Checks the tables for a batch, and notes how that came out: `finish` asks for it. Returns all results, and in
        words what failed of the severe ones. Raises NotDoneError where the batch is not loaded."""
        judgements = self.judgements(manifest)
        confirm_loaded(manifest.batch_id, self._unloaded(manifest, judgements))
        found = self.check(manifest.batch_id, judgements)
        failed = [
            f"{dataset}: {it.check}: {it.message}"
            for dataset, results in found.items()
            for it in results
            if it.severe and not it.passed
        ]
        with failures_named("Noting the checks"):
            note_checks(self.zone, manifest.batch_id, failed)
        return found, failed

    def _unloaded(self, manifest: Manifest, judgements: Mapping[str, Judgement]) -> list[str]:
        return [dataset for dataset in self.contracts if dataset not in judgements and self.has_work(dataset, manifest)]

    def finish(self, manifest: Manifest) -> dict[str, Any]:
        """Writes the report and closes the batch. Raises NotDoneError where it is not loaded, archived and checked;
        then nothing is written.

        A state machine has asked Athena itself, in states that lead here only where each check passed.
        """
        judgements = self.judgements(manifest)
        report = load_report(
            manifest,
            judgements,
            status_of(judgements.values(), manifest.files, self.settings.reject_warning),
            run_by=self.run_by,
        )
        with failures_named("Closing the batch"):
            confirm_loaded(manifest.batch_id, self._unloaded(manifest, judgements))
            confirm_archived(self.zone, manifest)
            if self.execution is None:
                confirm_checked(self.zone, manifest.batch_id)
            self.zone.store.put_json(self.zone.report_key(manifest), report)
            if manifest.abandoned:
                self.zone.store.delete(self.zone.abandoned_key)
            close_batch(self.zone, manifest.batch_id)
        return report

    def record_failure(self, manifest: Manifest, error: str) -> dict[str, Any]:
        """Writes the report of a batch that failed; it stays open, and the next run goes on with it."""
        report = load_report(manifest, self.judgements(manifest), FAILED, error, self.run_by)
        with failures_named("Recording the failure"):
            self.zone.store.put_json(self.zone.report_key(manifest), report)
        return report

    def abandon(self, reason: str) -> dict[str, Any]:
        """Gives the open batch up, under the lease: what it loaded stays and is archived, its other files are set
        aside. Returns its report.

        First the report says so: from then on no run goes on with the batch, and a call that was interrupted is to be
        made again. A load that was cut off between its commit and its record counts as not loaded: its rows are in the
        table, and come out as unchanged when the file is sent again. Raises BadConfiguration where no batch is open, or
        the open one succeeded, and TemporaryOutage while a Glue run goes on that may yet write. (Nobody else works on
        it under the lease: one without a report was killed, perhaps each time.)
        """
        from lakehouse_assets.catalog.audit import in_the_tables

        manifest = self.open_batch()
        if manifest is None:
            raise BadConfiguration(
                "No batch is open: there is nothing to abandon. `lakehouse history` shows how the last ones ended."
            )
        report = self.report(manifest)
        if report is None:
            told = f"{reason} (It was stopped or killed before it could say why.)"
        elif has_succeeded(report):
            raise BadConfiguration(
                f"Batch {manifest.batch_id} succeeded, and was interrupted before it was closed: `lakehouse load` or"
                " the job does that."
            )
        else:
            told = report["error"] if report["status"] == ABANDONED else f"{reason} (It had failed: {report['error']})"
        self._refuse_while_glue_loads(self.contracts)
        with failures_named(f"Abandoning batch {manifest.batch_id}"):
            judged = {
                dataset
                for dataset in self.contracts
                if self.zone.store.exists(self.zone.judgement_key(manifest.batch_id, dataset))
            }
            judgements = in_the_tables(self.judgements(manifest), manifest.batch_id, self.tables)
            self.zone.store.put_json(
                self.zone.report_key(manifest), load_report(manifest, judgements, ABANDONED, told, self.run_by)
            )
            files = set_aside(self.zone, manifest, facts_of(manifest, judgements), judged, told)
            report = load_report(replace(manifest, files=tuple(files)), judgements, ABANDONED, told, self.run_by)
            self.zone.store.put_json(self.zone.report_key(manifest), report)
            self.zone.store.put_json(self.zone.abandoned_key, [*manifest.abandoned, manifest.batch_id])
            close_batch(self.zone, manifest.batch_id)
        return report

    def _refuse_while_glue_loads(self, datasets: Iterable[str]) -> None:
        """A Glue run outlives a Dagster that was killed, and the choice of another engine. It looks whether its batch
        is under way before each write, but not between a look and the write's end; and on S3 its commit does not notice
        another's. (An execution of a state machine waits for its runs itself.)"""
        on_glue = self.settings.aws == "account" or self.settings.chosen_engine in ("glue", "auto")
        for dataset in datasets if on_glue and self.execution is None else ():
            job = self.settings.job_name(self.contracts[dataset])
            if run := GlueRuns(self.aws.client("glue"), job).under_way({}):
                raise TemporaryOutage(
                    f"Run {run['Id']} of Glue job {job} is {run['JobRunState'].lower()}, and may yet write. Wait for"
                    f" its end, or stop it (`aws glue batch-stop-job-run --job-name {job} --job-run-ids {run['Id']}`),"
                    " then do this again."
                )
