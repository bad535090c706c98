"""One batch by one path: the bucket is emptied of the batch before, the same files are uploaded, and the batch's end is
waited for.
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
from typing import Any

from aws_deploy.acceptance.plan import LoadPath
from aws_deploy.deploy import environment_for
from aws_deploy.presets import ACCEPTANCE
from aws_deploy.smoke import NotWorking, ended_batch, seen
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import outputs_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import Contracts
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
    """A batch that succeeded. `began` and `ended`: seconds since 1970, by this machine's clock. `execution`: the state
    machine's, where it ran the batch.
    """

    batch_id: str
    status: str
    began: float
    ended: float
    execution: str | None


def make_files(folder: Path, contracts: Contracts) -> list[Path]:
    """The sample files, rejected rows and orphans included. A workbook's dataset is known once it is converted, so a
    CSV file is last: the gate then holds the batch back until all files are there, and each path loads them as one
    batch."""
    first = make_sample_data(folder, contracts).first
    whole = [path for dataset in contracts for path in first.glob(f"{dataset}.*")]
    return sorted(whole, key=lambda path: (path.suffix == ".csv", path.name))


def load(path: LoadPath, settings: Settings, aws: Aws, files: Sequence[Path]) -> Batch:
    """Loads the files as one batch. Raises LakehouseError, in AWS's words where AWS refused something, unless the batch
    succeeds.
    """
    house = Lakehouse(settings, aws)
    with failures_named("Removing the batch before"):
        clear(house, new_catalog=path.new_catalog)
    began = time.time()
    if path.orchestrator == "state_machine":
        report = _by_state_machine(house, files)
    else:
        report = run_dagster(path.engine, environment_of(settings, aws), files, settings.home)
    return Batch(
        str(report["batch_id"]),
        str(report["status"]),
        began,
        time.time(),
        (report.get("run_by") or {}).get("execution"),
    )


def clear(house: Lakehouse, *, new_catalog: bool) -> None:
    """Deletes what a batch before left behind: files, tables and records; the code stays. With `new_catalog` also the
    catalog's tables.
    """
    s, store = house.settings, house.zone.store
    code = (f"{s.control_prefix}{CODE}", f"{s.control_prefix}{CONTRACTS}")
    folders = (s.raw_prefix, s.uploads_prefix, s.tables_prefix, s.rejected_prefix, s.archive_prefix, s.control_prefix)
    in_parallel(store.delete, [key for folder in folders for key in store.keys(folder) if not key.startswith(code)])
    if new_catalog:
        glue = house.aws.client("glue")
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=s.database)
        for name in [table["Name"] for page in pages for table in page["TableList"]]:
            glue.delete_table(DatabaseName=s.database, Name=name)


def _by_state_machine(house: Lakehouse, files: Sequence[Path]) -> dict[str, Any]:
    """As in use: the files land, S3 tells the queue, the queue calls the Lambda, which starts an execution."""
    machine = (outputs_of(house.aws.client("cloudformation"), ACCEPTANCE.pipeline_stack) or {})["StateMachineArn"]
    before = seen(house, machine)
    for file in files:
        # One by one: find_files has an order of its own.
        upload(house.zone, find_files([file], house.settings.home)[0])
    try:
        return ended_batch(house, machine, before)
    finally:
        _at_rest(house, machine)


def _at_rest(house: Lakehouse, machine: str) -> None:
    """Waits for the executions that still look for work; stops those that do not end: nothing of them may write into
    the next path's batch.
    """
    client = house.aws.client("stepfunctions")
    deadline = time.monotonic() + SECONDS_TO_REST
    while running := client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
        if time.monotonic() > deadline:
            for execution in running:
                client.stop_execution(executionArn=execution["executionArn"])
        time.sleep(SECONDS_BETWEEN_LOOKS)


def environment_of(settings: Settings, aws: Aws) -> dict[str, str]:
    """For `lakehouse` as a program: this lakehouse and no other setting of this shell. (What AWS it is this shell says,
    as for this process.)
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("LAKEHOUSE_")}
    return own | dict(aws.environment) | environment_for(settings, aws)


def run_dagster(engine: str, environment: Mapping[str, str], files: Sequence[Path], home: Path) -> dict[str, Any]:
    """`lakehouse load` with Dagster on this machine. The batch's report; raises NotWorking unless it succeeded."""
    command = [str(PROGRAM), "load", "--json", "--engine", engine, *map(str, files)]
    # The program and the files are this project's own.
    done = subprocess.run(
        command, env={**environment, "LAKEHOUSE_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    try:
        report = dict(json.loads(done.stdout))
    except ValueError:
        raise NotWorking(
            f"`lakehouse load` ended with exit code {done.returncode} and no report: {done.stderr.strip()[-2000:]}"
        ) from None
    if done.returncode or report["status"] == "failed":
        raise NotWorking(f"`lakehouse load` with engine {engine}: {report.get('error') or done.stderr.strip()[-2000:]}")
    return report
