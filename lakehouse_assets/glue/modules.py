"""The Python modules of a Glue job besides this project's wheel.

In an account, they are in the bucket as a zip of wheels (aws_deploy/glue_modules.py). The embedded Glue uses those of
this machine.
"""

from __future__ import annotations

import importlib.metadata

MODULES = (
    "annotated-types",
    "boto3",  # the version of Glue's own is not known; conditional writes need one of August 2024 or later
    "botocore",
    "dagster-pipes",
    "jmespath",
    "open-data-contract-standard",
    "pydantic",
    "pydantic-core",
    "pydantic-settings",
    "python-calamine",  # reads workbooks, if the conversion is a Glue job
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
"""The packages that the entry point imports, and all their dependencies, because they are installed with --no-deps.
Otherwise pip would also install the wheel's other dependencies (Dagster, DuckDB, delta-rs), which the Spark engine does
not use.
"""


def of_this_machine() -> str:
    """The modules with this machine's versions, as a value of --additional-python-modules."""
    return ",".join(f"{name}=={importlib.metadata.version(name)}" for name in MODULES)
