"""The sensor as the daemon has it, and its queue."""

from __future__ import annotations

import time

import dagster as dg

from lakehouse_assets.definitions import defs
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets.sensors.landing import Cursor, evaluate

NOTHING_DUE = Cursor(look_again=False, looked_at=4e9)
"""Of a daemon that looked at the bucket just now: only events can wake it."""


class Daemon:
    """Does with a tick's outcome what Dagster's daemon does: saves the cursor, runs what was asked for (unless told to die before).

    Its clock is so many seconds `ahead`.
    """

    def __init__(self, lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
        self.lakehouse, self.instance = lakehouse, instance
        self.cursor = NOTHING_DUE.written()
        self.ahead = 0.0

    def evaluate(self) -> dg.SensorResult:
        return evaluate(dg.build_sensor_context(self.instance, cursor=self.cursor), self.lakehouse, time.time() + self.ahead)

    def tick(self) -> int:
        """How many runs it began; they have ended."""
        result = self.evaluate()
        self.cursor = result.cursor or self.cursor
        for request in result.run_requests or []:
            self.run(request)
        return len(result.run_requests or [])

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        return defs.resolve_job_def(LOAD_BATCH).execute_in_process(
            instance=self.instance, raise_on_error=False, tags={"dagster/run_key": str(request.run_key), "dagster/sensor_name": "files_landed"}
        )

    def says(self) -> str:
        """Why a tick begins no run."""
        result = self.evaluate()
        self.cursor = result.cursor or self.cursor
        assert not result.run_requests
        return str(getattr(result.skip_reason, "skip_message", result.skip_reason))

    @property
    def runs(self) -> int:
        return self.instance.get_runs_count()


def messages(lakehouse: Lakehouse, queue: str | None = None) -> int:
    """In the queue, received or not."""
    sqs = lakehouse.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=queue or lakehouse.settings.queue)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def comes_again_after_a_second(lakehouse: Lakehouse) -> None:
    """A message that was received and not deleted."""
    lakehouse.aws.client("sqs").set_queue_attributes(QueueUrl=lakehouse.queue.url, Attributes={"VisibilityTimeout": "1"})
