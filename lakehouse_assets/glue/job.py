"""The definition of the Glue jobs, one per dataset, as plain data: the embedded AWS's bootstrap and the deployment make the same jobs of it."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl import glue_job
from lakehouse_assets.etl.engines.spark.session import COMPILE_ALL, DELTA
from lakehouse_assets.glue.uploads import Code
from lakehouse_assets.settings import Settings

GLUE_VERSION = "6.0"
WORKER_TYPE = "G.1X"
MOST_WORKERS = 10
"""With auto-scaling a run takes as many as its tasks keep busy, and pays for those."""
TIMEOUT_MINUTES = 120

MODULES = (
    "annotated-types",
    "boto3",  # Glue's own is of an unknown age; conditional writes need one of August 2024 or later
    "botocore",
    "dagster-pipes",
    "jmespath",
    "open-data-contract-standard",
    "pydantic",
    "pydantic-core",
    "pydantic-settings",
    "python-dateutil",
    "python-dotenv",
    "pyyaml",
    "s3transfer",
    "six",
    "sqlglot",
    "typing-extensions",
    "typing-inspection",
    "urllib3",
)
"""What the entry point imports, and what that needs, to the last: they are installed with --no-deps, in the versions of this machine.
pip would otherwise bring all that the wheel names, with Dagster, DuckDB and delta-rs, none of which the Spark engine touches."""

READERS = ("python-calamine",)
"""What a step beside the loads needs besides: it reads workbooks."""

CONFIGURATION = DELTA | {"spark.executorEnv.JAVA_TOOL_OPTIONS": COMPILE_ALL}
"""What must be said before Spark starts. As a variable the Java option stands beside Glue's own; spark.executor.extraJavaOptions would replace them."""


def job_definition(settings: Settings, contract: Contract, code: Code, contracts: str, role: str) -> dict[str, Any]:
    """The job that loads a dataset, as CreateJob takes it. `contracts`: the folder in S3 (`upload_contracts`); `role`: the job's IAM role.

    One run at a time and no retries of Glue's own: a table has one writer, and who submits a run decides whether another can heal it.
    """
    return {
        "Name": settings.job_name(contract),
        "Description": f"Loads {contract.dataset}: {contract.description}"[:2048],
        "Role": role,
        "Command": {"Name": "glueetl", "ScriptLocation": code.script, "PythonVersion": "3"},
        "DefaultArguments": {**platform_arguments(settings, code), **glue_job.arguments(settings, contract.dataset, contracts)},
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "MaxRetries": 0,
        "Timeout": TIMEOUT_MINUTES,
        "GlueVersion": GLUE_VERSION,
        "WorkerType": WORKER_TYPE,
        "NumberOfWorkers": MOST_WORKERS,
    }


def step_definition(settings: Settings, step: str, name: str, code: Code, contracts: str, role: str) -> dict[str, Any]:
    """A job that does another step of a batch than a load (`glue_job.CONVERT`, `glue_job.ARCHIVE`). It starts no Spark, so it has as few workers as Glue gives.

    Not a Python shell job: those have Python 3.9 at most.
    """
    arguments = platform_arguments(settings, code, *READERS) | glue_job.step_arguments(settings, step, contracts)
    return {
        "Name": name,
        "Description": f"The step {step} of a batch.",
        "Role": role,
        "Command": {"Name": "glueetl", "ScriptLocation": code.script, "PythonVersion": "3"},
        "DefaultArguments": {name: value for name, value in arguments.items() if name != "--enable-auto-scaling"},
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "MaxRetries": 0,
        "Timeout": TIMEOUT_MINUTES,
        "GlueVersion": GLUE_VERSION,
        "WorkerType": WORKER_TYPE,
        "NumberOfWorkers": 2,
    }


def platform_arguments(settings: Settings, code: Code, *more_modules: str) -> dict[str, str]:
    """What Glue itself reads: Delta Lake and the log store, the wheel and what it needs, logs and metrics while it runs."""
    return {
        "--job-language": "python",
        "--datalake-formats": "delta",
        "--extra-jars": code.log_store,
        "--conf": " --conf ".join(f"{name}={value}" for name, value in CONFIGURATION.items()),
        "--additional-python-modules": ",".join([code.wheel, *(f"{name}=={importlib.metadata.version(name)}" for name in (*MODULES, *more_modules))]),
        "--python-modules-installer-option": "--no-deps",
        "--enable-auto-scaling": "true",
        "--enable-continuous-cloudwatch-log": "true",
        "--enable-job-insights": "true",
        "--enable-metrics": "true",
        "--enable-observability-metrics": "true",
        "--TempDir": f"s3://{settings.bucket}/{settings.control_prefix}glue-temp/",
    }
