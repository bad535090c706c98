"""Loads a dataset with a Glue job run, through Dagster Pipes: as PipesGlueClient does, with runs that can be taken up
again, waited for and stopped.

Why not PipesGlueClient's own `run` (dagster-aws 0.29.27): it polls for ever on state EXPIRED; one throttled poll fails
the step and leaves the run behind, and the retry starts a second one; stopping ends in KeyError('errors'); a failed run
is a bare RuntimeError without link or reason; it writes into the caller's arguments; and zero messages are a success.
Here what a run did is read from its judgement, which the load itself writes down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets.etl.engines.base import Judgement
from lakehouse_assets.glue.arguments import arguments
from lakehouse_assets.glue.runs import GlueRuns, Run, failure_of, patiently
from lakehouse_assets.glue.uploads import upload_contracts
from lakehouse_assets.landing.zone import PIPES
from lakehouse_assets.resources.pipes import ContextInPlace, MessagesInPlace, Place


@dataclass(frozen=True)
class LoadOutcome:
    """What a load did. `run`: metadata of the run that did it; empty where an earlier run had loaded the batch already,
    so that none was needed.
    """

    judgement: Judgement
    run: Mapping[str, Any] = field(default_factory=dict)
    reported: Mapping[dg.AssetKey, Mapping[str, Any]] = field(default_factory=dict)

    def metadata(self, asset: dg.AssetKey) -> dict[str, Any]:
        """For the materialization of an asset: the run, and what it reported of the asset through Pipes."""
        return {**self.run, **self.reported.get(asset, {})}


class RunStopped(dg.DagsterExecutionInterruptedError, dg.DagsterError):
    """The Dagster run is stopped. An interrupt to Dagster, and an error of Dagster's too: a bare interrupt is tried
    again where the step has a retry policy (1.13.27), which would start a second Glue run in a run that someone wants
    to end."""


@dataclass(frozen=True)
class GlueRunner:
    """Loads datasets of a batch with their Glue jobs. `patience`: for how many seconds to wait out an outage of Glue,
    or another run that holds the job."""

    batch: Batch
    patience: float = 1800

    def run(self, context: dg.AssetExecutionContext | dg.OpExecutionContext, contract: Contract) -> LoadOutcome:
        """Loads what the batch holds for one dataset: starts a run of its job, or takes up the one under way, and
        waits for its end.

        Stops the run when the Dagster run is stopped. Raises dg.Failure, with the run's link, where the run fails: it
        allows retries unless data, configuration or a time-out are at fault. Raises TemporaryOutage and
        BadConfiguration where the run can be neither started nor followed.
        """
        with failures_named(f"Loading {contract.dataset} with Glue"):
            done = self._judgement(contract)
            if done is not None:
                return LoadOutcome(done)
            if not self.batch.has_work(contract.dataset):
                # A Glue run would cost its start for nothing.
                return LoadOutcome(self.batch.load(contract.dataset), {"engine": "embedded"})
            return self._followed(context, contract)

    def _followed(self, context: dg.AssetExecutionContext | dg.OpExecutionContext, contract: Contract) -> LoadOutcome:
        lakehouse = self.batch.connections
        zone = lakehouse.zone
        runs = GlueRuns(lakehouse.aws.client("glue"), lakehouse.settings.job_name(contract), self.patience)
        arguments = self._arguments(contract)
        which = {name: arguments[name] for name in ("--dataset", "--manifest")}
        former = patiently(lambda: runs.under_way(which), self.patience, context.log.warning)
        # A run that is being stopped is waited for, and a new one is started.
        listened = (
            Place.of_run(zone.store, former.get("Arguments", {}))
            if former and former["JobRunState"] != "STOPPING"
            else None
        )
        place = listened or Place.fresh(zone.store, f"{zone.control}{PIPES}{self.batch.id}/{contract.dataset}/")
        with dg.open_pipes_session(context, ContextInPlace(place), MessagesInPlace(place, context.log.info)) as session:
            run = self._run(context, runs, {**arguments, **session.get_bootstrap_cli_arguments()}, which)
        place.delete()
        described = self._described(run)
        if (failure := failure_of(run)) is not None:
            raise _as_dagsters(failure, described) from failure
        judgement = self._judgement(contract)
        if judgement is None:
            wrote_nothing = (
                f"Run {run['Id']} of Glue job {runs.job} succeeded, but wrote no judgement of {contract.dataset}. Is"
                f" {runs.job} the job of this project?"
            )
            raise _as_dagsters(BadConfiguration(wrote_nothing), described)
        results = [result for result in session.get_reported_results() if isinstance(result, dg.MaterializeResult)]
        return LoadOutcome(
            judgement, described, {result.asset_key: result.metadata or {} for result in results if result.asset_key}
        )

    def _run(
        self,
        context: dg.AssetExecutionContext | dg.OpExecutionContext,
        runs: GlueRuns,
        arguments: Mapping[str, str],
        which: Mapping[str, str],
    ) -> Run:
        run_id = None
        try:
            run_id = runs.start(arguments, which, context.log.warning)
            context.log.info(
                f"Run {run_id} of Glue job {runs.job}:"
                f" {self.batch.connections.console.glue_run(runs.job, run_id) or 'under way'}"
            )
            return runs.wait(run_id, context.log.info)
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt) as interrupt:
            raise RunStopped(_stopped(runs, run_id, which)) from interrupt

    def _arguments(self, contract: Contract) -> dict[str, str]:
        zone, settings = self.batch.connections.zone, self.batch.connections.settings
        contracts = upload_contracts(zone.store, zone.control, settings.contracts)
        location = f"s3://{settings.bucket}/{zone.manifest_key(self.batch.id)}"
        return arguments(settings, contract.dataset, contracts) | {"--manifest": location}

    def _judgement(self, contract: Contract) -> Judgement | None:
        return self.batch.judgements().get(contract.dataset)

    def _described(self, run: Run) -> dict[str, Any]:
        """The run, with its link into AWS's console. The embedded Glue has none; there the run's log is a file."""
        link = self.batch.connections.console.glue_run(run["JobName"], run["Id"])
        return {
            "engine": "glue",
            "glue_run": (
                dg.MetadataValue.url(link)
                if link
                else dg.MetadataValue.path(f"{run.get('LogGroupName')}/{run['Id']}.log")
            ),
            "glue_run_id": run["Id"],
            "glue_job": run["JobName"],
            "glue_state": run["JobRunState"],
            "glue_seconds": run.get("ExecutionTime", 0),
            **({"glue_error": run["ErrorMessage"]} if run.get("ErrorMessage") else {}),
        }


def _as_dagsters(failure: LakehouseError, described: Mapping[str, Any]) -> dg.Failure:
    return dg.Failure(str(failure), metadata=described, allow_retries=isinstance(failure, TemporaryOutage))


def _stopped(runs: GlueRuns, run_id: str | None, which: Mapping[str, str]) -> str:
    """Stops a Glue run, also one whose start was not answered yet; what became of it."""
    try:
        run = {"Id": run_id} if run_id else runs.under_way(which)
        if run is None:
            return "The run is stopped."
        runs.stop(run["Id"])
    except LakehouseError as error:
        return f"The run is stopped, but its Glue run may go on: {error}"
    return f"The run is stopped, and with it run {run['Id']} of Glue job {runs.job}."
