"""The definitions of the Glue jobs, as plain data. The embedded AWS's bootstrap and the deployment create the same jobs
from them.
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
"""With auto-scaling a run uses, and pays for, only as many workers as its tasks keep busy."""
TIMEOUT_MINUTES = 120

CONFIGURATION = DELTA | {"spark.executorEnv.JAVA_TOOL_OPTIONS": COMPILE_ALL}
"""Configuration that has to be set before Spark starts. The Java option is in a variable, so that it is added to Glue's
own options: spark.executor.extraJavaOptions would replace them.
"""


def job_definition(settings: Settings, contract: Contract, code: Code, contracts: str, role: str) -> dict[str, Any]:
    """CreateJob's arguments for the job that loads a dataset. `contracts`: their location in S3 (`upload_contracts`);
    `role`: the ARN of the job's IAM role.

    Glue runs one run at a time, because a table has one writer. It does not retry: the caller decides whether another
    run can succeed.
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
    """CreateJob's arguments for the job of another step (CONVERT, ARCHIVE). It does not use Spark, so it has two
    workers, Glue's minimum.

    It is not a Python shell job: these have Python 3.9 at most.
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
    """Glue's own arguments: Delta Lake and the log store, the wheel and its modules, logs and metrics during
    the run.
    """
    return {
        "--job-language": "python",
        "--datalake-formats": "delta",
        "--extra-jars": code.log_store,
        "--conf": " --conf ".join(f"{name}={value}" for name, value in CONFIGURATION.items()),
        "--additional-python-modules": f"{code.wheel},{code.modules}",
        # All modules are listed and are in the bucket. A package index could be unreachable, or could have withdrawn a
        # version.
        "--python-modules-installer-option": "--no-deps --no-index",
        "--enable-auto-scaling": "true",
        "--enable-continuous-cloudwatch-log": "true",
        "--enable-job-insights": "true",
        "--enable-metrics": "true",
        "--enable-observability-metrics": "true",
        "--TempDir": f"s3://{settings.bucket}/{settings.control_prefix}{GLUE_TEMP}",
    }
