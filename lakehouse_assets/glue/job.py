"""The definition of the Glue jobs, one per dataset, as plain data: the embedded AWS's bootstrap and the deployment make
the same jobs of it.
"""

from __future__ import annotations

from typing import Any

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.spark.session import COMPILE_ALL, DELTA
from lakehouse_assets.glue.arguments import arguments, step_arguments
from lakehouse_assets.glue.uploads import Code
from lakehouse_assets.landing.zone import GLUE_TEMP
from lakehouse_assets.settings import Settings

GLUE_VERSION = "6.0"
WORKER_TYPE = "G.1X"
MOST_WORKERS = 10
"""With auto-scaling a run takes as many as its tasks keep busy, and pays for those."""
TIMEOUT_MINUTES = 120

CONFIGURATION = DELTA | {"spark.executorEnv.JAVA_TOOL_OPTIONS": COMPILE_ALL}
"""What must be said before Spark starts. As a variable the Java option stands beside Glue's own;
spark.executor.extraJavaOptions would replace them.
"""


def job_definition(settings: Settings, contract: Contract, code: Code, contracts: str, role: str) -> dict[str, Any]:
    """The job that loads a dataset, as CreateJob takes it. `contracts`: the folder in S3 (`upload_contracts`); `role`:
    the job's IAM role.

    One run at a time and no retries of Glue's own: a table has one writer, and who submits a run decides whether
    another can heal it.
    """
    return {
        "Name": settings.job_name(contract),
        "Description": f"Loads {contract.dataset}: {contract.description}"[:2048],
        "Role": role,
        "Command": {"Name": "glueetl", "ScriptLocation": code.script, "PythonVersion": "3"},
        "DefaultArguments": {**platform_arguments(settings, code), **arguments(settings, contract.dataset, contracts)},
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "MaxRetries": 0,
        "Timeout": TIMEOUT_MINUTES,
        "GlueVersion": GLUE_VERSION,
        "WorkerType": WORKER_TYPE,
        "NumberOfWorkers": MOST_WORKERS,
    }


def step_definition(settings: Settings, step: str, name: str, code: Code, contracts: str, role: str) -> dict[str, Any]:
    """A job that does another step of a batch than a load (CONVERT, ARCHIVE). It starts no Spark, so it has as few
    workers as Glue gives.

    Not a Python shell job: those have Python 3.9 at most.
    """
    arguments = platform_arguments(settings, code) | step_arguments(settings, step, contracts)
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


def platform_arguments(settings: Settings, code: Code) -> dict[str, str]:
    """What Glue itself reads: Delta Lake and the log store, the wheel and what it needs, logs and metrics while it
    runs.
    """
    return {
        "--job-language": "python",
        "--datalake-formats": "delta",
        "--extra-jars": code.log_store,
        "--conf": " --conf ".join(f"{name}={value}" for name, value in CONFIGURATION.items()),
        "--additional-python-modules": f"{code.wheel},{code.modules}",
        # All that is needed is named, and lies in the bucket: a run asks no package index, which may be out of reach or
        # have taken a version back.
        "--python-modules-installer-option": "--no-deps --no-index",
        "--enable-auto-scaling": "true",
        "--enable-continuous-cloudwatch-log": "true",
        "--enable-job-insights": "true",
        "--enable-metrics": "true",
        "--enable-observability-metrics": "true",
        "--TempDir": f"s3://{settings.bucket}/{settings.control_prefix}{GLUE_TEMP}",
    }
