"""Gap: a `glueetl` job run of ministack succeeds without running anything. Here it is a process.

It gets the job's script from S3 and the arguments of the job and of the run as `--NAME value`, as Glue passes them. The command in front
of the script is this Python, or what the environment variable LAKEHOUSE_GLUE_COMMAND says (`spark-submit`, say). Kept as on AWS:
MaxConcurrentRuns, the time-out in minutes, BatchStopJobRun, the error message. Not kept: workers, retries, `--extra-py-files`.
"""

import os
import shlex
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from ministack.core.concurrency import spawn_background  # type: ignore[import-untyped]
from ministack.core.responses import error_response_json, json_response  # type: ignore[import-untyped]
from ministack.services import glue, s3  # type: ignore[import-untyped]

from lakehouse_assets.local.embedded_aws.job_process import JobProcess, Outcome
from lakehouse_assets.local.embedded_aws.seams import Response, replace, wrap

COMMAND_VARIABLE = "LAKEHOUSE_GLUE_COMMAND"
UNFINISHED = frozenset({"STARTING", "RUNNING", "STOPPING"})
DEFAULT_TIMEOUT_MINUTES = 480
RUNS_KEPT = 100
# What ministack's CreateJob and UpdateJob forget.
FORGOTTEN_SETTINGS = ("ExecutionProperty", "ExecutionClass", "NotificationProperty")

_processes: dict[str, JobProcess] = {}
_runs_lock = threading.Lock()


def fill() -> None:
    """Lets Glue run jobs as processes."""
    wrap(glue, "_create_job", _create_job)
    wrap(glue, "_update_job", _update_job)
    replace(glue, "_start_job_run", _start_job_run)
    replace(glue, "_batch_stop_job_run", _batch_stop_job_run)
    replace(glue, "_get_job_runs", _get_job_runs)


def stop_all() -> None:
    """Ends every run: the embedded AWS goes, and what runs in it goes with it."""
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
        runs = glue._job_runs.setdefault(name, [])
        if sum(run["JobRunState"] in UNFINISHED for run in runs) >= most_runs:
            return _error("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
        run = _new_run(job, request)
        runs.append(run)
        _forget_old_runs(runs)
        _processes[run["Id"]] = _process(run, job)
    spawn_background(_carry_out, run, thread_name=f"glue-{name}")
    return _answer({"JobRunId": run["Id"]})


def _new_run(job: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    now = time.time()
    return {
        "Id": f"jr_{uuid4().hex}{uuid4().hex}",
        "Attempt": 0,
        "JobName": job["Name"],
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "Arguments": {**(job.get("DefaultArguments") or {}), **(request.get("Arguments") or {})},
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Timeout": request.get("Timeout") or job.get("Timeout") or DEFAULT_TIMEOUT_MINUTES,
        "WorkerType": request.get("WorkerType") or job.get("WorkerType", "G.1X"),
        "NumberOfWorkers": request.get("NumberOfWorkers") or job.get("NumberOfWorkers", 2),
        "GlueVersion": job.get("GlueVersion", "5.0"),
        "LogGroupName": "/aws-glue/jobs",
    }


def _process(run: dict[str, Any], job: dict[str, Any]) -> JobProcess:
    arguments = {"--JOB_NAME": job["Name"], "--JOB_RUN_ID": run["Id"], **run["Arguments"]}
    location = (job.get("Command") or {}).get("ScriptLocation") or ""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return JobProcess(
        script=s3._get_object_data(bucket, key),
        location=location,
        arguments=[part for argument in arguments.items() for part in argument],
        command=shlex.split(os.environ.get(COMMAND_VARIABLE, "")) or [sys.executable],
        log=_log_file(run["Id"]),
    )


def _carry_out(run: dict[str, Any]) -> None:
    outcome = Outcome("FAILED", "The embedded AWS failed to run the job; its log says why")
    try:
        if run["JobRunState"] == "STARTING":
            run["JobRunState"] = "RUNNING"
        outcome = _processes[run["Id"]].run(seconds=run["Timeout"] * 60)
    finally:
        _finish(run, outcome)
        del _processes[run["Id"]]


def _finish(run: dict[str, Any], outcome: Outcome) -> None:
    now = time.time()
    run.update(CompletedOn=now, LastModifiedOn=now, ExecutionTime=round(now - run["StartedOn"]))
    if outcome.error:
        run["ErrorMessage"] = outcome.error
    # Last: whoever sees the final state sees all the rest.
    run["JobRunState"] = outcome.state


def _batch_stop_job_run(request: dict[str, Any]) -> Response:
    name = request.get("JobName", "")
    runs = {run["Id"]: run for run in glue._job_runs.get(name, [])}
    stopped, errors = [], []
    for run_id in request.get("JobRunIds", []):
        run = runs.get(run_id)
        if run is None or run["JobRunState"] not in UNFINISHED:
            code = "EntityNotFoundException" if run is None else "InvalidInputException"
            message = "Run not found" if run is None else f"The run is already {run['JobRunState']}"
            errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": {"ErrorCode": code, "ErrorMessage": message}})
            continue
        run["JobRunState"] = "STOPPING"
        spawn_background(_stop, run_id, thread_name=f"glue-stop-{name}")
        stopped.append({"JobName": name, "JobRunId": run_id})
    return _answer({"SuccessfulSubmissions": stopped, "Errors": errors})


def _stop(run_id: str) -> None:
    process = _processes.get(run_id)
    if process is not None:
        process.stop()


def _get_job_runs(request: dict[str, Any]) -> Response:
    """The latest run first, as on AWS. ministack lists the oldest first."""
    return _answer({"JobRuns": glue._job_runs.get(request.get("JobName"), [])[::-1]})


def _forget_old_runs(runs: list[dict[str, Any]]) -> None:
    for run in runs[:-RUNS_KEPT]:
        if run["JobRunState"] not in UNFINISHED:
            runs.remove(run)
            _log_file(run["Id"]).unlink(missing_ok=True)


def _log_file(run_id: str) -> Path:
    return Path(os.environ["STATE_DIR"]) / "glue_job_logs" / f"{run_id}.log"


def _answer(content: dict[str, Any]) -> Response:
    response: Response = json_response(content)
    return response


def _error(code: str, message: str) -> Response:
    response: Response = error_response_json(code, message, 400)
    return response
