"""What every step of a batch does around its work: read the manifest; write a failure into the batch's report, and tell
Dagster whether a retry can heal it.

With a retry policy Dagster (1.13.27, `op_execution_error_boundary`) tries again whatever is no `Failure` of ours: what
nobody thought of, and a run that is stopped. So here the one becomes a `Failure`, the other `RunStopped`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dagster as dg

from lakehouse_assets.assets.keys import BATCH
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import LakehouseBusy, LakehouseError, LeaseLost, StepOutOfTurn, TemporaryOutage
from lakehouse_assets.resources.glue import RunStopped

STOPPED = "Stopped by hand; run the job again to go on."


def for_batch() -> dict[str, dg.AssetIn]:
    """The batch's id, handed on from the step that froze it. Where nothing was frozen, every step that needs it is
    skipped.
    """
    return {"batch_id": dg.AssetIn(BATCH)}


@contextmanager
def named_failures() -> Iterator[None]:
    """Our errors as Dagster failures: bad data and bad configuration are never retried, nor is waiting for another,
    which the settings limit.
    """
    try:
        yield
    except LakehouseError as error:
        raise dg.Failure(
            str(error), allow_retries=isinstance(error, TemporaryOutage) and not isinstance(error, LakehouseBusy)
        ) from error


@contextmanager
def alone(lakehouse: Lakehouse) -> Iterator[None]:
    """Nobody else works on this lakehouse meanwhile. The run keeps the lease until it ends."""
    try:
        with named_failures():
            lakehouse.take_lease(dg.get_dagster_logger().info)
            yield
    except (dg.Failure, dg.DagsterError):
        raise
    except dg.DagsterExecutionInterruptedError as interrupt:
        raise RunStopped("The run is stopped.") from interrupt
    except Exception as error:
        # Without a description: whoever tells people of it leaves out the words of an engine, which may quote a row's
        # value.
        raise dg.Failure(allow_retries=False) from error


@contextmanager
def step(lakehouse: Lakehouse, batch_id: str) -> Iterator[Batch]:
    """The batch, which must be under way. A failure inside, ours or one that nobody thought of, is
    recorded in its report before Dagster hears of it."""
    with alone(lakehouse):
        batch = lakehouse.batch(batch_id)
        _refuse_what_ended(batch)
        try:
            yield batch
        except LeaseLost:
            # The report is the other's, who goes on with the batch.
            raise
        except StepOutOfTurn:
            # The step was run out of turn. A batch that was interrupted goes on by itself only as long as no report
            # says that it failed.
            raise
        except dg.DagsterExecutionInterruptedError:
            if _asked_to_stop():
                # The run ends as stopped, whatever becomes of its report.
                with suppress(LakehouseError):
                    _record(batch, STOPPED)
            raise
        except Exception as error:
            _record(batch, _told(error))
            raise


def _record(batch: Batch, reason: str) -> None:
    """Not where a step was paused, and fails on what another did meanwhile, nor where the last one fails when the batch
    is closed: then the report stands.
    """
    batch.connections.lease.confirm_if_taken()
    if batch.is_under_way():
        batch.record_failure(reason)


def _asked_to_stop() -> bool:
    """Whether a person stopped this run. One whose machine is shut down has no report, so that the sensor begins
    another.
    """
    context = dg.OpExecutionContext.get()
    run = context.instance.get_run_by_id(context.run_id)
    return run is not None and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


def _refuse_what_ended(batch: Batch) -> None:
    """A step of a batch of before: materialized alone, executed again, or by Dagster's retry after another run has
    finished it. Its report stands.
    """
    if not batch.is_under_way():
        report = batch.report()
        raise LakehouseError(
            f"Batch {batch.id} has ended ({report['status'] if report else 'it never began'}). Nothing was done."
        )


def _told(error: Exception) -> str:
    if isinstance(error, dg.Failure) and error.description:
        return error.description
    return str(error) if isinstance(error, LakehouseError) else f"{type(error).__name__}: {error}"
