"""The deployment of an acceptance: creates it, loads batches, looks at the outcome, and removes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aws_deploy.acceptance.batches import Batch, load
from aws_deploy.acceptance.comparison import Found, answers_of, rows_of
from aws_deploy.acceptance.measures import Figure, Measured
from aws_deploy.acceptance.plan import LoadPath, Site
from aws_deploy.deploy import remove
from aws_deploy.embedded import stored_templates
from aws_deploy.packaging import AWS_LAMBDA, Target
from aws_deploy.presets import ACCEPTANCE
from aws_deploy.removal import delete_bucket
from aws_deploy.rollout import roll_out
from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.aws.stacks import outputs_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.glue.runs import GlueRuns
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Looked:
    """The content of the lakehouse after a batch. `found.answers`: only for a path with a new catalog. `outdated`:
    tables whose entries in the catalog differ from the contracts.
    """

    found: Found
    outdated: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """`target`: the platform of the Lambdas' code. `log`: gets a line for each step."""

    site: Site
    target: Target = AWS_LAMBDA
    log: Callable[[str], None] = print

    def deploy(self, path: LoadPath) -> None:
        """Creates the stacks, or updates their parameters, for this path. Raises BadConfiguration with the resources
        that could not be created.
        """
        roll_out(
            self.site.aws,
            self._settings(path),
            ACCEPTANCE,
            stored_templates(ACCEPTANCE.name),
            path.orchestrator,
            self.target,
            self.log,
        )

    def load(self, path: LoadPath, files: Sequence[Path]) -> Batch:
        """Loads one batch. Raises LakehouseError unless it succeeds."""
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
        """Removes everything with the acceptance's names, including the remains of a run that was killed. Raises
        LakehouseError with what could not be removed.
        """
        try:
            self._stop_what_runs()
        except LakehouseError as error:
            # Go on: what is still running fails once its bucket is deleted.
            self.log(str(error))
        remove(ACCEPTANCE, self.site.settings, self.site.aws, data=True)
        # A run that was killed after it deleted the stack left the bucket, which no stack names.
        with failures_named(f"Deleting bucket {self.site.settings.bucket}"):
            delete_bucket(self.site.aws.client("s3"), self.site.settings.bucket)

    def _stop_what_runs(self) -> None:
        """Stops executions and Glue runs of an interrupted acceptance: they would write to the bucket while it is
        emptied.
        """
        outputs = outputs_of(self.site.aws.client("cloudformation"), ACCEPTANCE.pipeline_stack) or {}
        with failures_named("Stopping executions and Glue runs"):
            states = self.site.aws.client("stepfunctions")
            if machine := outputs.get("StateMachineArn"):
                for execution in states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
                    states.stop_execution(executionArn=execution["executionArn"])
            for contract in Lakehouse(self.site.settings, self.site.aws).contracts.values() if machine else ():
                runs = GlueRuns(self.site.aws.client("glue"), self.site.settings.job_name(contract))
                if run := runs.under_way({}):
                    runs.stop(run["Id"])
                    runs.wait(run["Id"], self.log)

    def _settings(self, path: LoadPath) -> Settings:
        return self.site.settings.model_copy(update={"engine": path.engine})
