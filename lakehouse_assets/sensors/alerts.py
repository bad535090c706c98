"""Tells people when a run failed: why, and what to do. (That a batch succeeded its last step tells.)"""

from __future__ import annotations

import dagster as dg

from lakehouse_assets.jobs import load_batch
from lakehouse_assets.lakehouse import connected
from lakehouse_assets.settings import read_settings


@dg.run_failure_sensor(
    name="failure_alerts", monitored_jobs=[load_batch], default_status=dg.DefaultSensorStatus.RUNNING, description="A failed run, told to the topic of alerts."
)
def failure_alerts(context: dg.RunFailureSensorContext) -> None:
    """Raises where the topic cannot be reached: the daemon then tells of the same failure again at its next tick."""
    failures = [event.step_failure_data for event in context.get_step_failure_events()]
    reasons = [
        data.user_failure_data.description if data.user_failure_data and data.user_failure_data.description else data.error.message if data.error else ""
        for data in failures
    ]
    reason = "\n".join(filter(None, reasons)) or context.failure_event.message or "The run failed outside its steps."
    with connected(read_settings()) as lakehouse:
        lakehouse.tell(
            "A batch failed",
            f"{reason}\n\nNothing is lost: the batch stays open, and the next run goes on with it. "
            f"Dagster run {context.dagster_run.run_id}; `lakehouse history` shows the batch.",
        )
