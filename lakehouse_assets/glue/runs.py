"""The runs of one Glue job: find the one that is under way for a batch, start one, wait for its end through throttling
and outages, stop it.

A run outlives whoever started it. So before a run is started, one that a former try left behind is looked for by its
arguments and taken up again: two runs of one batch would write the same tables.
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
"""All others are final: SUCCEEDED, FAILED, ERROR, TIMEOUT, STOPPED, EXPIRED."""
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
"""An answer of AWS, in a reason that Glue gives, that another run does not change."""
TOO_SMALL = re.compile(r"No space left on device|OutOfMemoryError")
OURS_IN_MESSAGE = re.compile(rf"\b({'|'.join(OURS)}): (.*?)(\n\(the whole log: [^\n]*\))?\Z", re.DOTALL)

Run = dict[str, Any]
"""As Glue's GetJobRun describes it."""
Log = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class GlueRuns:
    """The runs of one job. `patience`: how many seconds an outage of Glue, or another run that holds the job, is waited
    out.
    """

    client: Any
    job: str
    patience: float = 1800

    def under_way(self, which: Mapping[str, str]) -> Run | None:
        """The latest unfinished run that has these arguments. One that a run does not name is not held against it:
        there the job's own default stands.
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
        """Starts a run with these arguments, or takes up the one under way that has the arguments `which`. Returns the
        run's id.

        Raises TemporaryOutage where the job is held by another run, or Glue out of reach, for longer than its patience;
        BadConfiguration where Glue refuses.
        """

        def once() -> str:
            # Looked for at each try: one that was answered by an outage may have started the run all the same.
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
        """Waits until the run has ended, in whatever state, and tells of each state on the way. Raises TemporaryOutage
        after a long outage.
        """
        told = None
        for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
            run = patiently(lambda: self._look_at(run_id), self.patience, log)
            if run["JobRunState"] != told:
                told = run["JobRunState"]
                log(f"Run {run_id} of Glue job {self.job}: {told}")
            if told not in UNFINISHED:
                return run
            time.sleep(pause)
        raise AssertionError("pauses do not end")

    def stop(self, run_id: str) -> None:
        """Asks Glue to stop the run. Raises LakehouseError where it does not: the run goes on."""

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
    """Why a run that ended did not succeed, as one of our errors; None if it did.

    TemporaryOutage is what another run may heal. A time-out is not: the run has cost the most that it may, and the same
    work meets the same end.
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
            " again: it goes on."
        )
    if state == "STOPPED":
        return LakehouseError(f"{ended}: someone stopped it. Nothing is lost; run the batch again, and it goes on.")
    if "IMPORT_ERROR" in message:
        return BadConfiguration(
            f"{ended}: {message}. Deploy the job again: its code or a module that it needs is missing."
        )
    if REFUSED.search(message):
        return BadConfiguration(
            f"{ended}: {message}. AWS refused a request of it: check the names and the permissions of its role, then"
            " run the batch again."
        )
    if TOO_SMALL.search(message):
        return BadConfiguration(
            f"{ended}: {message}. Give the job more or larger workers, then run the batch again: it goes on."
        )
    return TemporaryOutage(f"{ended}: {message}. Nothing is lost; run it again.")


def failure_of_task(error: str, cause: str) -> LakehouseError:
    """Why a state that waits for a run failed, by the error and the cause that Step Functions gives: the run itself
    where there was one.
    """
    try:
        run = json.loads(cause)
    except ValueError:
        run = {}
    failure = failure_of(run) if isinstance(run, dict) and "JobRunState" in run else None
    if failure is None and ("Rate exceeded" in cause or "ThrottlingException" in cause):
        # Step Functions knows no name for it, and says Glue.AWSGlueException (AWS re:Post,
        # glue-throttling-rate-exceeded).
        return TemporaryOutage(f"{error}: {cause}. Nothing is lost; run it again.")
    return failure or LakehouseError(f"{error}: {cause}")


def patiently(call: Callable[[], T], seconds: float, log: Log = print) -> T:
    """The call's answer; while it is a TemporaryOutage it is made again, for so many seconds. Raises the last
    outage.
    """
    deadline = time.monotonic() + seconds
    told = None
    for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
        try:
            return call()
        except TemporaryOutage as outage:
            if time.monotonic() + pause > deadline:
                raise
            if told != str(outage):
                told = str(outage)
                log(f"{told} (tried again for up to {seconds:.0f} s)")
        time.sleep(pause)
    raise AssertionError("pauses do not end")
