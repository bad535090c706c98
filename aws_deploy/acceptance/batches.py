"""Loads one batch by one path: removes the previous batch from the bucket, uploads the same files, and waits for the
batch's end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_deploy.acceptance.plan import LoadPath
from aws_deploy.deploy import environment_for
from aws_deploy.presets import ACCEPTANCE
from aws_deploy.smoke import NotWorking, ended_batch, seen
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import outputs_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import Contracts
from lakehouse_assets.etl.report_types import LoadReport, Report
from lakehouse_assets.etl.status import FAILED
from lakehouse_assets.landing.local_files import find_files
from lakehouse_assets.landing.uploading import upload
from lakehouse_assets.landing.zone import CODE, CONTRACTS
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets.sample_data.files import make_sample_data
from lakehouse_assets.settings import Settings

SECONDS_TO_REST = 300
SECONDS_BETWEEN_LOOKS = 2.0
PROGRAM = Path(sys.executable).with_name("lakehouse")


@dataclass(frozen=True)
class Batch:
    """A batch that succeeded. `began` and `ended`: seconds since 1970, by this machine's clock. `execution`: the ARN of
    the execution, if the state machine ran the batch.
    """

    batch_id: str
    status: str
    began: float
    ended: float
    execution: str | None


def make_files(folder: Path, contracts: Contracts) -> list[Path]:
    """Makes the sample files, with rejected rows and orphans. Returns their paths in the order of upload: a CSV file is
    last. A workbook's dataset is known only after its conversion, so the gate holds the batch back until the CSV file
    arrives, and each path loads all files as one batch.
    """
    first = make_sample_data(folder, contracts).first
    whole = [path for dataset in contracts for path in first.glob(f"{dataset}.*")]
    return sorted(whole, key=lambda path: (path.suffix == ".csv", path.name))


def load(path: LoadPath, settings: Settings, aws: Aws, files: Sequence[Path]) -> Batch:
    """Loads the files as one batch. Raises LakehouseError unless the batch succeeds; if AWS refused something, the
    error has AWS's message.
    """
    lakehouse = Lakehouse(settings, aws)
    with failures_named("Removing the previous batch"):
        clear(lakehouse, new_catalog=path.new_catalog)
    began = time.time()
    if path.orchestrator == "state_machine":
        report = _by_state_machine(lakehouse, files)
    else:
        report = run_dagster(path.engine, environment_of(settings, aws), files, settings.home)
    return Batch(
        report["batch_id"],
        report["status"],
        began,
        time.time(),
        report.get("run_by", {}).get("execution"),
    )


def clear(lakehouse: Lakehouse, *, new_catalog: bool) -> None:
    """Deletes everything that the previous batch wrote: files, tables and records, but not the code. With `new_catalog`
    also the tables of the catalog.
    """
    s, store = lakehouse.settings, lakehouse.zone.store
    code = (f"{s.control_prefix}{CODE}", f"{s.control_prefix}{CONTRACTS}")
    folders = (s.raw_prefix, s.uploads_prefix, s.tables_prefix, s.rejected_prefix, s.archive_prefix, s.control_prefix)
    in_parallel(store.delete, [key for folder in folders for key in store.keys(folder) if not key.startswith(code)])
    if new_catalog:
        glue = lakehouse.aws.client("glue")
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=s.database)
        for name in [table["Name"] for page in pages for table in page["TableList"]]:
            glue.delete_table(DatabaseName=s.database, Name=name)


def _by_state_machine(lakehouse: Lakehouse, files: Sequence[Path]) -> LoadReport:
    """As in production: S3 sends events of the new files to the queue, which calls the Lambda, which starts an
    execution.
    """
    machine = (outputs_of(lakehouse.aws.client("cloudformation"), ACCEPTANCE.pipeline_stack) or {})["StateMachineArn"]
    before = seen(lakehouse, machine)
    for file in files:
        # One by one, because find_files changes the order.
        upload(lakehouse.zone, find_files([file], lakehouse.settings.home)[0])
    try:
        return ended_batch(lakehouse, machine, before)
    finally:
        _at_rest(lakehouse, machine)


def _at_rest(lakehouse: Lakehouse, machine: str) -> None:
    """Waits for executions that are still looking for files, and stops those that do not end: none may write into the
    next path's batch.
    """
    client = lakehouse.aws.client("stepfunctions")
    deadline = time.monotonic() + SECONDS_TO_REST
    while running := client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
        if time.monotonic() > deadline:
            for execution in running:
                client.stop_execution(executionArn=execution["executionArn"])
        time.sleep(SECONDS_BETWEEN_LOOKS)


def environment_of(settings: Settings, aws: Aws) -> dict[str, str]:
    """The environment for the program `lakehouse`: this lakehouse's settings, and no LAKEHOUSE_… variable of this
    shell. The AWS account is this process's.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("LAKEHOUSE_")}
    return own | dict(aws.environment) | environment_for(settings, aws)


def run_dagster(engine: str, environment: Mapping[str, str], files: Sequence[Path], home: Path) -> LoadReport:
    """Runs `lakehouse load`, with Dagster on this machine. Returns the batch's report. Raises NotWorking unless the
    batch succeeded.
    """
    command = [str(PROGRAM), "load", "--json", "--engine", engine, *map(str, files)]
    # The program and the files are this project's own.
    done = subprocess.run(
        command, env={**environment, "LAKEHOUSE_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    try:
        report: Report = json.loads(done.stdout)
    except ValueError:
        raise NotWorking(
            f"`lakehouse load` ended with exit code {done.returncode} and no report: {done.stderr.strip()[-2000:]}"
        ) from None
    if done.returncode or report["batch_id"] is None or report["status"] == FAILED:
        raise NotWorking(f"`lakehouse load` with engine {engine}: {report.get('error') or done.stderr.strip()[-2000:]}")
    return report
