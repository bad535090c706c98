"""What `lakehouse doctor` checks in an AWS account: the credentials, the bucket, and whether IAM alone controls access
to the catalog. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lakehouse_assets.aws.client import ASK_DOCTOR, failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.findings import Finding, error, ok, warning
from lakehouse_assets.errors import LakehouseError

EVERYONE_OF_IAM = "IAM_ALLOWED_PRINCIPALS"
"""Lake Formation's name for all principals that IAM allows."""
ITS_DEFAULT = "default"
"""The database that Athena reads first (glue:GetDatabase), whichever database is queried."""
CORRECT = "Correct the profile, the region, the name or the permissions, as the message says."
ALLOW = (
    f"Allow glue:GetDatabase on the catalog and on database/{ITS_DEFAULT}: Athena needs it, whichever database is"
    " queried."
)
LAKE_FORMATION = (
    "If a crawler or a query reports Insufficient Lake Formation permission(s), see docs/troubleshooting.md."
)


def examined_account(lakehouse: Lakehouse) -> Iterator[Finding]:
    """The findings, in the order of the checks."""
    settings, glue = lakehouse.settings, lakehouse.aws.client("glue")
    yield _asked("Credentials", lambda: lakehouse.aws.client("sts").get_caller_identity()["Arn"])
    yield _asked(
        f"Bucket {settings.bucket}",
        lambda: lakehouse.zone.store.s3.head_bucket(Bucket=settings.bucket) and "reachable",
    )
    try:
        with failures_named(f"Database {settings.database}"):
            yield _access_control(glue, settings.database)
    except LakehouseError as failure:
        yield _failed(failure, CORRECT)
    yield _asked(f"Database {ITS_DEFAULT}", lambda: _look_at_default(glue), ALLOW)


def _access_control(glue: Any, name: str) -> Finding:
    """Whether IAM alone controls access to the tables, or Lake Formation as well."""
    database = glue.get_database(Name=name)["Database"]
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=name)
    registered = [
        table["Name"] for page in pages for table in page["TableList"] if table.get("IsRegisteredWithLakeFormation")
    ]
    if registered:
        return warning(f"Database {name}: Lake Formation controls access to {', '.join(registered)}", LAKE_FORMATION)
    permissions = database.get("CreateTableDefaultPermissions", [])
    if any(each.get("Principal", {}).get("DataLakePrincipalIdentifier") == EVERYONE_OF_IAM for each in permissions):
        return ok(f"Database {name}: IAM controls access to its tables")
    return warning(f"Database {name}: Lake Formation controls access to new tables", LAKE_FORMATION)


def _look_at_default(glue: Any) -> str:
    try:
        glue.get_database(Name=ITS_DEFAULT)
    except glue.exceptions.EntityNotFoundException:
        return "readable (does not exist, which is ok)"
    return "readable"


def _asked(what: str, question: Callable[[], object], to_do: str = CORRECT) -> Finding:
    try:
        with failures_named(what):
            return ok(f"{what}: {question()}")
    except LakehouseError as failure:
        return _failed(failure, to_do)


def _failed(failure: LakehouseError, to_do: str) -> Finding:
    return error(str(failure).removesuffix(ASK_DOCTOR).rstrip(), to_do)
