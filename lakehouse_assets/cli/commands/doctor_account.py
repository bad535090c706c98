"""What `lakehouse doctor` asks of an AWS account: who this is, the bucket, and whether IAM alone decides about the
catalog. It asks, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lakehouse_assets.aws.client import ASK_DOCTOR, failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.findings import Finding
from lakehouse_assets.errors import LakehouseError

EVERYONE_OF_IAM = "IAM_ALLOWED_PRINCIPALS"
"""Lake Formation's name for whoever IAM allows."""
ITS_DEFAULT = "default"
"""The database that Athena looks at first (glue:GetDatabase), whichever one is queried."""
CORRECT = "Correct the profile, the region, the name or the permissions, as it says."
ALLOW = (
    f"Allow glue:GetDatabase on the catalog and on database/{ITS_DEFAULT}: Athena asks for it, whichever database is"
    " queried."
)
LAKE_FORMATION = (
    "Where a crawler or a query says Insufficient Lake Formation permission(s): see docs/troubleshooting.md."
)


def examined_account(lakehouse: Lakehouse) -> Iterator[Finding]:
    settings, glue = lakehouse.settings, lakehouse.aws.client("glue")
    yield _asked("Credentials", lambda: lakehouse.aws.client("sts").get_caller_identity()["Arn"])
    yield _asked(
        f"Bucket {settings.bucket}",
        lambda: lakehouse.zone.store.s3.head_bucket(Bucket=settings.bucket) and "can be reached",
    )
    try:
        with failures_named(f"Database {settings.database}"):
            yield _who_decides(glue, settings.database)
    except LakehouseError as error:
        yield _broken(error, CORRECT)
    yield _asked(f"Database {ITS_DEFAULT}", lambda: _look_at_default(glue), ALLOW)


def _who_decides(glue: Any, name: str) -> Finding:
    """About tables: IAM alone, or Lake Formation, too."""
    database = glue.get_database(Name=name)["Database"]
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=name)
    registered = [
        table["Name"] for page in pages for table in page["TableList"] if table.get("IsRegisteredWithLakeFormation")
    ]
    if registered:
        return Finding(
            "look", f"Database {name}: Lake Formation decides who may use {', '.join(registered)}", LAKE_FORMATION
        )
    permissions = database.get("CreateTableDefaultPermissions", [])
    if any(each.get("Principal", {}).get("DataLakePrincipalIdentifier") == EVERYONE_OF_IAM for each in permissions):
        return Finding("fine", f"Database {name}: IAM decides who may use its tables")
    return Finding(
        "look", f"Database {name}: Lake Formation decides who may use tables that are new in it", LAKE_FORMATION
    )


def _look_at_default(glue: Any) -> str:
    try:
        glue.get_database(Name=ITS_DEFAULT)
    except glue.exceptions.EntityNotFoundException:
        return "may be looked at (it is not there, which is fine)"
    return "may be looked at"


def _asked(what: str, question: Callable[[], object], to_do: str = CORRECT) -> Finding:
    try:
        with failures_named(what):
            return Finding("fine", f"{what}: {question()}")
    except LakehouseError as error:
        return _broken(error, to_do)


def _broken(error: LakehouseError, to_do: str) -> Finding:
    return Finding("broken", str(error).removesuffix(ASK_DOCTOR).rstrip(), to_do)
