"""The deployment of an acceptance, from its making to its removal, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aws_deploy.acceptance.batches import Batch, load
from aws_deploy.acceptance.comparison import Found, answers_of, rows_of
from aws_deploy.acceptance.measures import Figure, Measured
from aws_deploy.acceptance.plan import LoadPath, Site
from aws_deploy.deploy import delete_bucket, remove
from aws_deploy.embedded import kept
from aws_deploy.packaging import AWS_LAMBDA, Target
from aws_deploy.presets import ACCEPTANCE
from aws_deploy.rollout import roll_out
from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.aws.stacks import outputs_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.glue.runs import GlueRuns
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Looked:
    """What is there after a batch. `outdated`: tables whose entries in the catalog are not the contracts'. `answers`
    are asked for a new catalog only.
    """

    found: Found
    outdated: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """`target`: what the Lambdas' code is built for."""

    site: Site
    target: Target = AWS_LAMBDA
    tell: Callable[[str], None] = print

    def deploy(self, path: LoadPath) -> None:
        """Brings the stacks up, or updates their parameters, for this path. Raises BadConfiguration with what could not
        be made.
        """
        roll_out(
            self.site.aws,
            self._settings(path),
            ACCEPTANCE,
            kept(ACCEPTANCE.name),
            path.orchestrator,
            self.target,
            self.tell,
        )

    def load(self, path: LoadPath, files: Sequence[Path]) -> Batch:
        """One batch. Raises LakehouseError unless it succeeds."""
        return load(path, self._settings(path), self.site.aws, files)

    def look(self, path: LoadPath, batch: Batch) -> Looked:
        lakehouse = Lakehouse(self._settings(path), self.site.aws)
        with failures_named("Looking at the catalog"):
            outdated = [
                name for contract in lakehouse.contracts.values() for name in lakehouse.catalog.outdated(contract)
            ]
        return Looked(
            Found(rows_of(lakehouse), answers_of(lakehouse, batch.batch_id) if path.new_catalog else {}), outdated
        )

    def measure(self, path: LoadPath, batch: Batch) -> dict[str, Figure]:
        return Measured(self.site, path, batch).figures()

    def remove(self) -> None:
        """Everything under the acceptance's names, also what a run that was killed left behind. Raises LakehouseError
        with what could not be removed.
        """
        try:
            self._stop_what_runs()
        except LakehouseError as error:
            # What still runs fails when its bucket is gone.
            self.tell(str(error))
        remove(ACCEPTANCE, self.site.settings, self.site.aws, data=True)
        # A run that was killed after its stack was gone left the bucket, of which no stack tells any more.
        with failures_named(f"Deleting bucket {self.site.settings.bucket}"):
            delete_bucket(self.site.aws.client("s3"), self.site.settings.bucket)

    def _stop_what_runs(self) -> None:
        """An interrupted acceptance leaves executions and Glue runs, which would write into the bucket while it is
        emptied.
        """
        outputs = outputs_of(self.site.aws.client("cloudformation"), ACCEPTANCE.pipeline_stack) or {}
        with failures_named("Stopping what runs"):
            states = self.site.aws.client("stepfunctions")
            if machine := outputs.get("StateMachineArn"):
                for execution in states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
                    states.stop_execution(executionArn=execution["executionArn"])
            for contract in Lakehouse(self.site.settings, self.site.aws).contracts.values() if machine else ():
                runs = GlueRuns(self.site.aws.client("glue"), self.site.settings.job_name(contract))
                if run := runs.under_way({}):
                    runs.stop(run["Id"])
                    runs.wait(run["Id"], self.tell)

    def _settings(self, path: LoadPath) -> Settings:
        return self.site.settings.model_copy(update={"engine": path.engine})
