"""The runs of one Glue job: find the unfinished one of a batch, start one, wait for its end despite throttling and
outages, stop it.

A run can outlive the process that started it, and two runs of one batch would write the same tables. So before a run is
started, an unfinished one of an earlier attempt is looked for by its arguments, and resumed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from lakehouse_assets.aws.client import failures_named, pauses
from lakehouse_assets.errors import BadConfiguration, BadData, LakehouseError, LeaseLost, TemporaryOutage

UNFINISHED = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})
"""All other states are final: SUCCEEDED, FAILED, ERROR, TIMEOUT, STOPPED, EXPIRED."""
BUSY = {"ConcurrentRunsExceededException", "ResourceNumberLimitExceededException"}
RUNS_LOOKED_AT = 200
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
SECONDS_TO_STOP = 20.0
OURS: dict[str, type[LakehouseError]] = {
    **{kind.__name__: kind for kind in (BadData, BadConfiguration, TemporaryOutage, LeaseLost, LakehouseError)},
    "LeaseLostError": LeaseLost,  # its name in jobs that were deployed with version 0.1
}
REFUSED = re.compile(
    r"\b(AccessDenied(Exception)?|NoSuchBucket|KeyTooLong(Error)?|InvalidRequest|UnknownStoreException|EntityNotFoundException)\b"
)
"""Errors of AWS in Glue's message that another run would meet again."""
TOO_SMALL = re.compile(r"No space left on device|OutOfMemoryError")
OURS_IN_MESSAGE = re.compile(rf"\b({'|'.join(OURS)}): (.*?)(\n\(the whole log: [^\n]*\))?\Z", re.DOTALL)

Run = dict[str, Any]
"""A run in the form of Glue's GetJobRun."""
Log = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class GlueRuns:
    """The runs of one job. `client`: boto3's client of Glue. `patience`: the seconds to wait for the end of an outage
    of Glue, or of another run of the job.
    """

    client: Any
    job: str
    patience: float = 1800

    def under_way(self, which: Mapping[str, str]) -> Run | None:
        """The latest unfinished run with these arguments; None if there is none. An argument that the run does not set
        counts as matching, because the job's default applies.
        """
        with failures_named(f"Looking for runs of Glue job {self.job}"):
            pages = self.client.get_paginator("get_job_runs").paginate(
                JobName=self.job, PaginationConfig={"MaxItems": RUNS_LOOKED_AT, "PageSize": RUNS_LOOKED_AT}
            )
            try:
                for run in (run for page in pages for run in page["JobRuns"]):
                    has = run.get("Arguments") or {}
                    if run["JobRunState"] in UNFINISHED and all(
                        has.get(name, value) == value for name, value in which.items()
                    ):
                        return dict(run)
            except self.client.exceptions.EntityNotFoundException:
                # A job that was never deployed has no runs.
                return None
        return None

    def start(self, arguments: Mapping[str, str], which: Mapping[str, str], log: Log) -> str:
        """Starts a run with these arguments, unless there is an unfinished one with the arguments `which`. Returns the
        run's id.

        Raises TemporaryOutage if another run occupies the job, or Glue does not answer, for longer than `patience`;
        BadConfiguration if Glue refuses the run.
        """

        def once() -> str:
            # Looked for at each attempt: a call that ended in an outage may have started the run nevertheless.
            found = self.under_way(which)
            if found is None:
                return self._start(arguments)
            if found["JobRunState"] == "STOPPING":
                raise TemporaryOutage(
                    f"Run {found['Id']} of Glue job {self.job} is being stopped. Run it again once it is."
                )
            return str(found["Id"])

        return patiently(once, self.patience, log)

    def wait(self, run_id: str, log: Log) -> Run:
        """Waits until the run has ended, in any state, and returns it. Logs each state. Raises TemporaryOutage if an
        outage lasts longer than `patience`.
        """
        state = None
        for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
            run = patiently(lambda: self._look_at(run_id), self.patience, log)
            if run["JobRunState"] != state:
                state = run["JobRunState"]
                log(f"Run {run_id} of Glue job {self.job}: {state}")
            if state not in UNFINISHED:
                return run
            time.sleep(pause)
        raise AssertionError("pauses do not end")

    def stop(self, run_id: str) -> None:
        """Asks Glue to stop the run. Raises LakehouseError if Glue does not: then the run continues."""

        def once() -> Any:
            with failures_named(f"Stopping run {run_id} of Glue job {self.job}"):
                return self.client.batch_stop_job_run(JobName=self.job, JobRunIds=[run_id])

        for error in patiently(once, SECONDS_TO_STOP).get("Errors", []):
            raise LakehouseError(
                f"Run {run_id} of Glue job {self.job} was not stopped: {error['ErrorDetail']['ErrorMessage']}"
            )

    def _start(self, arguments: Mapping[str, str]) -> str:
        with failures_named(f"Starting Glue job {self.job}"):
            try:
                return str(self.client.start_job_run(JobName=self.job, Arguments=dict(arguments))["JobRunId"])
            except ClientError as error:
                if error.response["Error"]["Code"] in BUSY:
                    raise TemporaryOutage(
                        f"Glue job {self.job} has another run under way ({error}). Run it again when that one has"
                        " ended."
                    ) from error
                raise

    def _look_at(self, run_id: str) -> Run:
        with failures_named(f"Asking for run {run_id} of Glue job {self.job}"):
            return dict(self.client.get_job_run(JobName=self.job, RunId=run_id)["JobRun"])


def failure_of(run: Run) -> LakehouseError | None:
    """The failure of a run that has ended, as one of the lakehouse's errors; None if it succeeded.

    It is a TemporaryOutage if another run may succeed. A time-out is not: the run cost its maximum, and another one
    would time out again.
    """
    state, message = run["JobRunState"], run.get("ErrorMessage") or "Glue gives no reason"
    if state == "SUCCEEDED":
        return None
    ours = OURS_IN_MESSAGE.search(message)
    if ours:
        return OURS[ours[1]](ours[2])
    ended = f"Run {run['Id']} of Glue job {run['JobName']} ended in state {state}"
    if state == "TIMEOUT":
        return BadConfiguration(
            f"{ended} after {run.get('Timeout')} minutes. Give the job more time or more workers, then run the batch"
            " again: it is resumed."
        )
    if state == "STOPPED":
        return LakehouseError(f"{ended}: someone stopped it. Nothing is lost; run the batch again: it is resumed.")
    if "IMPORT_ERROR" in message:
        return BadConfiguration(f"{ended}: {message}. Deploy the job again: its code or a module is missing.")
    if REFUSED.search(message):
        return BadConfiguration(
            f"{ended}: {message}. AWS refused a request of the run: check the names and the permissions of the job's"
            " role, then run the batch again."
        )
    if TOO_SMALL.search(message):
        return BadConfiguration(
            f"{ended}: {message}. Give the job more or larger workers, then run the batch again: it is resumed."
        )
    return TemporaryOutage(f"{ended}: {message}. Nothing is lost; run it again.")


def failure_of_task(error: str, cause: str) -> LakehouseError:
    """The failure of a state that waits for a run, from Step Functions' error and cause. The cause is the run itself,
    if there was one.
    """
    try:
        run = json.loads(cause)
    except ValueError:
        run = {}
    failure = failure_of(run) if isinstance(run, dict) and "JobRunState" in run else None
    if failure is None and ("Rate exceeded" in cause or "ThrottlingException" in cause):
        # Step Functions has no name for throttling and reports Glue.AWSGlueException (AWS re:Post,
        # glue-throttling-rate-exceeded).
        return TemporaryOutage(f"{error}: {cause}. Nothing is lost; run it again.")
    return failure or LakehouseError(f"{error}: {cause}")


def patiently(call: Callable[[], T], seconds: float, log: Log = print) -> T:
    """The result of the call, which is retried for up to `seconds` while it raises a TemporaryOutage. Raises the last
    outage. Logs each outage once.
    """
    deadline = time.monotonic() + seconds
    logged = None
    for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
        try:
            return call()
        except TemporaryOutage as outage:
            if time.monotonic() + pause > deadline:
                raise
            if logged != str(outage):
                logged = str(outage)
                log(f"{logged} (retried for up to {seconds:.0f} s)")
        time.sleep(pause)
    raise AssertionError("pauses do not end")
