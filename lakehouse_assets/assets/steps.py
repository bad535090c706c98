"""What all steps of a batch share: they read the manifest, take the lease, write a failure to the batch's report, and
tell Dagster whether a retry can help.

With a retry policy Dagster (1.13.27, `op_execution_error_boundary`) retries every error that is not a `Failure`,
including unexpected errors and a run that is stopped. So here the former become a `Failure`, the latter `RunStopped`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dagster as dg

from lakehouse_assets.assets.keys import BATCH
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import LakehouseBusy, LakehouseError, LeaseLost, StepOutOfTurn, TemporaryOutage
from lakehouse_assets.etl.status import FAILED
from lakehouse_assets.jobs import BATCH_TAG, REASON_TAG, STATUS_TAG
from lakehouse_assets.resources.glue import RunStopped

SHOWN = 250
"""The most characters of a reason in a tag of a run. The step's failure and the batch's report have all of it."""
STOPPED = "A person stopped the run. Run the job again to resume the batch."


def for_batch() -> dict[str, dg.AssetIn]:
    """The batch's id, as input from the step that froze the batch. If that step froze nothing, Dagster skips the steps
    with this input.
    """
    return {"batch_id": dg.AssetIn(BATCH)}


@contextmanager
def named_failures() -> Iterator[None]:
    """Turns the lakehouse's errors into Dagster failures. Only outages allow a retry. LakehouseBusy does not: the step
    has waited for the lease already, for as long as the settings allow.
    """
    try:
        yield
    except LakehouseError as error:
        raise dg.Failure(
            str(error), allow_retries=isinstance(error, TemporaryOutage) and not isinstance(error, LakehouseBusy)
        ) from error


@contextmanager
def alone(lakehouse: Lakehouse) -> Iterator[None]:
    """Takes the lease, so that no other process uses the lakehouse meanwhile. The run keeps it until its end."""
    try:
        with named_failures():
            lakehouse.take_lease(dg.get_dagster_logger().info)
            yield
    except (dg.Failure, dg.DagsterError):
        raise
    except dg.DagsterExecutionInterruptedError as interrupt:
        raise RunStopped("The run was stopped.") from interrupt
    except Exception as error:
        # Without a description: the error's message may quote a row's value, which must not be published.
        raise dg.Failure(allow_retries=False) from error


@contextmanager
def step(lakehouse: Lakehouse, batch_id: str) -> Iterator[Batch]:
    """The batch, which must be open (`idle.is_over`). Any failure inside is recorded in the batch's report before
    Dagster gets it.
    """
    with alone(lakehouse):
        batch = lakehouse.batch(batch_id)
        try:
            yield batch
        except LeaseLost:
            # The other holder resumes the batch and writes its report.
            raise
        except StepOutOfTurn:
            # Not recorded: an interrupted batch is resumed by itself only if no report says that it failed.
            raise
        except dg.DagsterExecutionInterruptedError:
            if _asked_to_stop():
                # The run ends as stopped, even if the report cannot be written.
                with suppress(LakehouseError):
                    record_failure(batch, STOPPED)
            raise
        except Exception as error:
            record_failure(batch, _reason(error))
            raise


def record_failure(batch: Batch, reason: str) -> None:
    """Records the failure in the batch's report and in the run's tags, unless another process changed the batch while
    this step was paused, or the batch is closed: then its report stands.
    """
    batch.connections.lease.confirm_if_taken()
    if batch.is_under_way():
        batch.record_failure(reason)
        context = dg.OpExecutionContext.get()
        context.instance.add_run_tags(
            context.run_id, {BATCH_TAG: batch.id, STATUS_TAG: FAILED, REASON_TAG: textwrap.shorten(reason, SHOWN)}
        )


def _asked_to_stop() -> bool:
    """Whether a person stopped this run. If its machine is shut down instead, no report is written, so that the sensor
    starts another run.
    """
    context = dg.OpExecutionContext.get()
    run = context.instance.get_run_by_id(context.run_id)
    return run is not None and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


def _reason(error: Exception) -> str:
    if isinstance(error, dg.Failure) and error.description:
        return error.description
    return str(error) if isinstance(error, LakehouseError) else f"{type(error).__name__}: {error}"
