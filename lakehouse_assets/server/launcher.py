"""The run launcher of a server and of `lakehouse up`: Dagster's default launcher, which also tells Dagster's run
monitoring whether the process of a run is alive.

With the default launcher alone, nobody notices that a run's process died together with its code server, when a
container was replaced or a machine restarted. Such a run would count as started for ever and occupy the pool, and every
later run would wait in the queue.
"""

from __future__ import annotations

from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value

from lakehouse_assets.settings import read_settings

GONE = (
    "The code server no longer has this run: its process ended when the code server was stopped or killed. Nothing is"
    " lost: the next run resumes the batch."
)


class MonitoredRunLauncher(DefaultRunLauncher):
    """Launches runs as processes of the code server, as the default launcher does, and answers run monitoring."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Asks the code server that started the run whether it still has the run.

        A run without a code server is one of `lakehouse load`. It is alive as long as its command holds the home's
        lock; the dead ones of this home are marked as failed here.
        """
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            from lakehouse_assets.cli.runs import end_dead_runs  # noqa: PLC0415 - imports all definitions

            end_dead_runs(read_settings().home.absolute())
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        try:
            current = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
        except DagsterUserCodeUnreachableError:
            # Each code server that Dagster itself starts, as for `lakehouse up`, has a socket of its own.
            if client.socket:
                return CheckRunHealthResult(WorkerStatus.FAILED, GONE)
            # It is being started again, and is asked in the next round. Until then no other run can start, either.
            return CheckRunHealthResult(WorkerStatus.RUNNING, "The code server does not answer.")
        if run.run_id in current.current_runs:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, GONE)
