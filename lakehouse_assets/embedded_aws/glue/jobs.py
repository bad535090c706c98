"""Gap: a `glueetl` job run of ministack succeeds without running anything. Here a run is a process.

The process is this Python. It runs the job's script, which is read from S3, with the arguments of the job and of the
run as `--NAME value`, as Glue passes them. `glue/platform.py` provides what Glue puts around a script.

As on AWS: MaxConcurrentRuns, MaxRetries, the time-out in minutes, BatchStopJobRun, the error message. A run's
LogGroupName is the folder of its log. Not as on AWS: workers and their size (a run has this machine), queuing (WAITING,
EXPIRED), NonOverridableArguments, bookmarks, DPUSeconds.
"""

import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from ministack.core.concurrency import spawn_background  # type: ignore[import-untyped]
from ministack.core.responses import error_response_json, json_response  # type: ignore[import-untyped]
from ministack.services import glue, s3  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.glue import platform as glue_platform
from lakehouse_assets.embedded_aws.glue.job_process import JobProcess, Outcome
from lakehouse_assets.embedded_aws.patching import Response, replace, wrap

UNFINISHED = frozenset({"STARTING", "RUNNING", "STOPPING"})
DEFAULT_TIMEOUT_MINUTES = 480
RUNS_KEPT = 100
# Settings that ministack's CreateJob and UpdateJob do not store.
FORGOTTEN_SETTINGS = ("ExecutionProperty", "ExecutionClass", "NotificationProperty")

_processes: dict[str, JobProcess] = {}
_runs_lock = threading.RLock()


def fill() -> None:
    """Makes Glue run jobs as processes."""
    wrap(glue, "_create_job", _create_job)
    wrap(glue, "_update_job", _update_job)
    replace(glue, "_start_job_run", _start_job_run)
    replace(glue, "_batch_stop_job_run", _batch_stop_job_run)
    replace(glue, "_get_job_run", _get_job_run)
    replace(glue, "_get_job_runs", _get_job_runs)


def stop_all() -> None:
    """Ends every run. Called when the embedded AWS stops. Returns when all processes are gone."""
    for process in list(_processes.values()):
        process.stop()
    while _processes:
        time.sleep(0.01)


def _create_job(original: Any, request: dict[str, Any]) -> Response:
    response: Response = original(request)
    if response[0] == 200:
        glue._jobs[request["Name"]].update({name: request[name] for name in FORGOTTEN_SETTINGS if name in request})
    return response


def _update_job(original: Any, request: dict[str, Any]) -> Response:
    response: Response = original(request)
    if response[0] == 200:
        changes = request.get("JobUpdate", {})
        glue._jobs[request["JobName"]].update({name: changes[name] for name in FORGOTTEN_SETTINGS if name in changes})
    return response


def _start_job_run(request: dict[str, Any]) -> Response:
    name = request.get("JobName", "")
    job = glue._jobs.get(name)
    if job is None:
        return _error("EntityNotFoundException", f"Job {name} not found")
    most_runs = (job.get("ExecutionProperty") or {}).get("MaxConcurrentRuns") or 1
    with _runs_lock:
        if sum(run["JobRunState"] in UNFINISHED for run in _runs(name)) >= most_runs:
            return _error("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
        run = _new_run(job, request)
        _begin(run, job)
    return _answer({"JobRunId": run["Id"]})


def _runs(name: str) -> list[dict[str, Any]]:
    """The runs of a job, oldest first. A run that was saved as unfinished by a server that was killed has FAILED: its
    process is gone.
    """
    with _runs_lock:
        runs: list[dict[str, Any]] = glue._job_runs.setdefault(name, [])
        for run in runs:
            if run["JobRunState"] in UNFINISHED and run["Id"] not in _processes:
                _finish(run, Outcome("FAILED", "The embedded AWS was killed while the run was under way"))
        return runs


def _new_run(job: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": f"jr_{uuid4().hex}{uuid4().hex}",
        "Attempt": 0,
        "JobName": job["Name"],
        "Arguments": {**(job.get("DefaultArguments") or {}), **(request.get("Arguments") or {})},
        "PredecessorRuns": [],
        "Timeout": request.get("Timeout") or job.get("Timeout") or DEFAULT_TIMEOUT_MINUTES,
        "WorkerType": request.get("WorkerType") or job.get("WorkerType", "G.1X"),
        "NumberOfWorkers": request.get("NumberOfWorkers") or job.get("NumberOfWorkers", 2),
        "GlueVersion": job.get("GlueVersion", "5.0"),
        "LogGroupName": str(_log_folder()),
    }


def _next_attempt(run: dict[str, Any]) -> dict[str, Any]:
    attempt = run["Attempt"] + 1
    kept = {name: value for name, value in run.items() if name not in ("ErrorMessage", "CompletedOn")}
    return kept | {
        "Id": f"{run['Id'].partition('_attempt_')[0]}_attempt_{attempt}",
        "Attempt": attempt,
        "PreviousRunId": run["Id"],
    }


def _begin(run: dict[str, Any], job: dict[str, Any]) -> None:
    now = time.time()
    run.update(StartedOn=now, LastModifiedOn=now, ExecutionTime=0, JobRunState="STARTING")
    runs = glue._job_runs.setdefault(job["Name"], [])
    _processes[run["Id"]] = _process(run, job)
    runs.append(run)
    _forget_old_runs(runs)
    spawn_background(_run_to_end, run, job, thread_name=f"glue-{job['Name']}")


def _process(run: dict[str, Any], job: dict[str, Any]) -> JobProcess:
    arguments = {"--JOB_NAME": job["Name"], "--JOB_RUN_ID": run["Id"], **run["Arguments"]}
    location = (job.get("Command") or {}).get("ScriptLocation") or ""
    return JobProcess(
        script=_object(location),
        location=location,
        arguments=[part for argument in arguments.items() for part in argument],
        command=[sys.executable],
        log=_log_file(run["Id"]),
        prepare=partial(glue_platform.prepare, arguments, _object),
    )


def _object(location: str) -> bytes | None:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    found: bytes | None = s3._get_object_data(bucket, key)
    return found


def _run_to_end(run: dict[str, Any], job: dict[str, Any]) -> None:
    outcome = Outcome("FAILED", "The embedded AWS failed to run the job; its log says why")
    try:
        if run["JobRunState"] == "STARTING":
            run["JobRunState"] = "RUNNING"
        outcome = _processes[run["Id"]].run(seconds=run["Timeout"] * 60)
    finally:
        with _runs_lock:
            _finish(run, outcome)
            del _processes[run["Id"]]
            # Glue retries neither a run that timed out nor one that was stopped.
            if outcome.state == "FAILED" and run["Attempt"] < (job.get("MaxRetries") or 0):
                _begin(_next_attempt(run), job)


def _finish(run: dict[str, Any], outcome: Outcome) -> None:
    now = time.time()
    run.update(CompletedOn=now, LastModifiedOn=now, ExecutionTime=round(now - run["StartedOn"]))
    if outcome.error:
        run["ErrorMessage"] = outcome.error
    # Last, so that a client that sees the final state sees all other fields.
    run["JobRunState"] = outcome.state


def _batch_stop_job_run(request: dict[str, Any]) -> Response:
    name = request.get("JobName", "")
    runs = {run["Id"]: run for run in _runs(name)}
    stopped, errors = [], []
    for run_id in request.get("JobRunIds", []):
        run = runs.get(run_id)
        if run is None or run["JobRunState"] not in UNFINISHED:
            code = "EntityNotFoundException" if run is None else "InvalidInputException"
            message = "Run not found" if run is None else f"The run is already {run['JobRunState']}"
            errors.append(
                {"JobName": name, "JobRunId": run_id, "ErrorDetail": {"ErrorCode": code, "ErrorMessage": message}}
            )
            continue
        run["JobRunState"] = "STOPPING"
        spawn_background(_stop, run_id, thread_name=f"glue-stop-{name}")
        stopped.append({"JobName": name, "JobRunId": run_id})
    return _answer({"SuccessfulSubmissions": stopped, "Errors": errors})


def _stop(run_id: str) -> None:
    process = _processes.get(run_id)
    if process is not None:
        process.stop()


def _get_job_run(request: dict[str, Any]) -> Response:
    name, run_id = request.get("JobName", ""), request.get("RunId", "")
    for run in _runs(name):
        if run["Id"] == run_id:
            return _answer({"JobRun": run})
    return _error("EntityNotFoundException", f"Job run {run_id} not found")


def _get_job_runs(request: dict[str, Any]) -> Response:
    """Lists the latest run first, as AWS does. (ministack lists the oldest first.)"""
    return _answer({"JobRuns": _runs(request.get("JobName", ""))[::-1]})


def _forget_old_runs(runs: list[dict[str, Any]]) -> None:
    for run in runs[:-RUNS_KEPT]:
        if run["JobRunState"] not in UNFINISHED:
            runs.remove(run)
            _log_file(run["Id"]).unlink(missing_ok=True)


def _log_folder() -> Path:
    return Path(os.environ["STATE_DIR"]) / "glue_job_logs"


def _log_file(run_id: str) -> Path:
    return _log_folder() / f"{run_id}.log"


def _answer(content: dict[str, Any]) -> Response:
    response: Response = json_response(content)
    return response


def _error(code: str, message: str) -> Response:
    response: Response = error_response_json(code, message, 400)
    return response
