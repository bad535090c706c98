"""Loads a dataset with a Glue job run through Dagster Pipes, like PipesGlueClient, but with runs that can be resumed,
waited for and stopped.

PipesGlueClient's own `run` (dagster-aws 0.29.27) has these faults: it polls without end in state EXPIRED; one throttled
poll fails the step and leaves the run, and the retry starts a second one; stopping ends in KeyError('errors'); a failed
run is a plain RuntimeError without link or reason; it changes the caller's arguments; and a run without messages is a
success. Here the outcome of a run is its load result, which the load itself writes to the bucket.
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
from lakehouse_assets.etl.engines.base import LoadResult
from lakehouse_assets.glue.arguments import arguments
from lakehouse_assets.glue.runs import GlueRuns, Run, failure_of, patiently
from lakehouse_assets.glue.uploads import upload_contracts
from lakehouse_assets.landing.zone import PIPES
from lakehouse_assets.resources.pipes import ContextWriter, MessageReader, PipesFolder


@dataclass(frozen=True)
class LoadOutcome:
    """The outcome of a load. `run`: metadata of the run; empty if an earlier run had loaded the dataset already.
    `reported`: metadata that the run reported through Pipes, by asset.
    """

    load_result: LoadResult
    run: Mapping[str, Any] = field(default_factory=dict)
    reported: Mapping[dg.AssetKey, Mapping[str, Any]] = field(default_factory=dict)

    def metadata(self, asset: dg.AssetKey) -> dict[str, Any]:
        """Metadata for the materialization of an asset: the run, and what it reported of the asset through Pipes."""
        return {**self.run, **self.reported.get(asset, {})}


class RunStopped(dg.DagsterExecutionInterruptedError, dg.DagsterError):
    """The Dagster run is being stopped. It is both an interrupt and a DagsterError: Dagster (1.13.27) retries a plain
    interrupt in a step with a retry policy, which would start a second Glue run in a run that a person stops.
    """


@dataclass(frozen=True)
class GlueRunner:
    """Loads datasets of a batch with their Glue jobs. `patience`: the seconds to wait for the end of an outage of Glue,
    or of another run of the job.
    """

    batch: Batch
    patience: float = 1800

    def run(self, context: dg.AssetExecutionContext | dg.OpExecutionContext, contract: Contract) -> LoadOutcome:
        """Loads one dataset of the batch: starts a run of its job, or resumes the unfinished one, and waits for its
        end.

        Stops the run if the Dagster run is stopped. Raises dg.Failure with the run's link if the run fails; it allows
        retries unless data, configuration or a time-out is the cause. Raises TemporaryOutage or BadConfiguration if the
        run cannot be started or followed.
        """
        with failures_named(f"Loading {contract.dataset} with Glue"):
            done = self._load_result(contract)
            if done is not None:
                return LoadOutcome(done)
            if not self.batch.has_work(contract.dataset):
                # Nothing to load: a Glue run would cost money for its start.
                return LoadOutcome(self.batch.load(contract.dataset), {"engine": "embedded"})
            return self._followed(context, contract)

    def _followed(self, context: dg.AssetExecutionContext | dg.OpExecutionContext, contract: Contract) -> LoadOutcome:
        lakehouse = self.batch.connections
        zone = lakehouse.zone
        runs = GlueRuns(lakehouse.aws.client("glue"), lakehouse.settings.job_name(contract), self.patience)
        arguments = self._arguments(contract)
        which = {name: arguments[name] for name in ("--dataset", "--manifest")}
        former = patiently(lambda: runs.under_way(which), self.patience, context.log.warning)
        # Not that of a run that is being stopped: a new run starts after its end.
        earlier = (
            PipesFolder.of_run(zone.store, former.get("Arguments", {}))
            if former and former["JobRunState"] != "STOPPING"
            else None
        )
        folder = earlier or PipesFolder.fresh(zone.store, f"{zone.control}{PIPES}{self.batch.id}/{contract.dataset}/")
        with dg.open_pipes_session(context, ContextWriter(folder), MessageReader(folder, context.log.info)) as session:
            run = self._run(context, runs, {**arguments, **session.get_bootstrap_cli_arguments()}, which)
        folder.delete()
        described = self._described(run)
        if (failure := failure_of(run)) is not None:
            raise _dagster_failure(failure, described) from failure
        load_result = self._load_result(contract)
        if load_result is None:
            wrote_nothing = (
                f"Run {run['Id']} of Glue job {runs.job} succeeded, but wrote no load result of {contract.dataset}. Is"
                f" {runs.job} the job of this project?"
            )
            raise _dagster_failure(BadConfiguration(wrote_nothing), described)
        results = [result for result in session.get_reported_results() if isinstance(result, dg.MaterializeResult)]
        return LoadOutcome(
            load_result, described, {result.asset_key: result.metadata or {} for result in results if result.asset_key}
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
                f" {self.batch.connections.console.glue_run(runs.job, run_id) or 'started'}"
            )
            return runs.wait(run_id, context.log.info)
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt) as interrupt:
            raise RunStopped(_stopped(runs, run_id, which)) from interrupt

    def _arguments(self, contract: Contract) -> dict[str, str]:
        zone, settings = self.batch.connections.zone, self.batch.connections.settings
        contracts = upload_contracts(zone.store, zone.control, settings.contracts)
        location = f"s3://{settings.bucket}/{zone.manifest_key(self.batch.id)}"
        return arguments(settings, contract.dataset, contracts) | {"--manifest": location}

    def _load_result(self, contract: Contract) -> LoadResult | None:
        return self.batch.load_results().get(contract.dataset)

    def _described(self, run: Run) -> dict[str, Any]:
        """Metadata of the run, with its link to AWS's console. With the embedded Glue it is the path of the
        run's log.
        """
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


def _dagster_failure(failure: LakehouseError, described: Mapping[str, Any]) -> dg.Failure:
    return dg.Failure(str(failure), metadata=described, allow_retries=isinstance(failure, TemporaryOutage))


def _stopped(runs: GlueRuns, run_id: str | None, which: Mapping[str, str]) -> str:
    """Stops a Glue run, even if Glue has not answered yet that it started. Returns the outcome as a sentence."""
    try:
        run = {"Id": run_id} if run_id else runs.under_way(which)
        if run is None:
            return "The run was stopped."
        runs.stop(run["Id"])
    except LakehouseError as error:
        return f"The run was stopped, but its Glue run may still be running: {error}"
    return f"The run was stopped, and so was run {run['Id']} of Glue job {runs.job}."
