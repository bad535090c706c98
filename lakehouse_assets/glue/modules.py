"""The Python modules of a Glue job beside this project's wheel.

An account's jobs find them in the bucket, as a zip of wheels (aws_deploy/glue_modules.py). The embedded Glue has those
of this machine, by name and version.
"""

from __future__ import annotations

import importlib.metadata

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
    "python-calamine",  # reads workbooks, where a step beside the loads is a Glue job
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
"""What the entry point imports, and what that needs, to the last: they are installed with --no-deps. pip would
otherwise bring all that the wheel names, with Dagster, DuckDB and delta-rs, none of which the Spark engine touches."""


def of_this_machine() -> str:
    """As --additional-python-modules takes them."""
    return ",".join(f"{name}=={importlib.metadata.version(name)}" for name in MODULES)
