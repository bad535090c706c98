"""`lakehouse doctor` in an account: what it says of credentials, bucket, catalog and Lake Formation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.commands.doctor_account import examined_account
from lakehouse_assets.cli.findings import Finding

EVERYONE = [{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]
DENIED = (
    "User: arn:aws:iam::1:user/me is not authorized to perform: glue:GetDatabase on resource:"
    " arn:aws:glue:us-east-1:1:database/default"
)


class WithGlue(Aws):
    """The embedded AWS, with a Glue that answers what it was told to."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws.environment)
        session: Any = boto3.Session("a", "b", region_name="us-east-1")
        self.glue = session.client("glue")
        self.stub = Stubber(self.glue)

    def client(self, service: str) -> Any:
        return self.glue if service == "glue" else super().client(service)


@pytest.fixture
def account(lakehouse: Lakehouse) -> Iterator[WithGlue]:
    aws = WithGlue(lakehouse.aws)
    with aws.stub:
        yield aws


def findings(lakehouse: Lakehouse, aws: Aws) -> list[Finding]:
    return list(examined_account(Lakehouse(lakehouse.settings, aws)))


def says(account: WithGlue, permissions: list[dict[str, Any]], tables: list[dict[str, Any]]) -> None:
    account.stub.add_response("get_database", {"Database": {"Name": "d", "CreateTableDefaultPermissions": permissions}})
    account.stub.add_response("get_tables", {"TableList": tables})


def test_a_catalog_that_iam_controls_is_ok(lakehouse: Lakehouse, account: WithGlue) -> None:
    says(account, EVERYONE, [{"Name": "orders", "IsRegisteredWithLakeFormation": False}])
    account.stub.add_client_error("get_database", "EntityNotFoundException")
    found = findings(lakehouse, account)
    assert [finding.state for finding in found] == ["ok"] * 4
    assert found[2].what.endswith("IAM controls access to its tables")


@pytest.mark.parametrize(
    ("permissions", "tables", "what"),
    [
        ([], [], "Lake Formation controls access to new tables"),
        (
            EVERYONE,
            [{"Name": "orders", "IsRegisteredWithLakeFormation": True}],
            "Lake Formation controls access to orders",
        ),
    ],
)
def test_a_catalog_that_lake_formation_controls_is_a_warning(
    lakehouse: Lakehouse, account: WithGlue, permissions: list[dict[str, Any]], tables: list[dict[str, Any]], what: str
) -> None:
    says(account, permissions, tables)
    account.stub.add_response("get_database", {"Database": {"Name": "default"}})
    found = findings(lakehouse, account)[2]
    assert (found.state, found.what.partition(": ")[2]) == ("warning", what)
    assert "Insufficient Lake Formation permission(s)" in found.to_do


def test_a_default_database_that_may_not_be_read_is_an_error(lakehouse: Lakehouse, account: WithGlue) -> None:
    says(account, EVERYONE, [])
    account.stub.add_client_error("get_database", "AccessDeniedException", DENIED)
    found = findings(lakehouse, account)[3]
    assert found.state == "error"
    assert "glue:GetDatabase" in found.what
    assert "database/default" in found.to_do


def test_a_missing_database_is_an_error_and_the_rest_is_checked(lakehouse: Lakehouse, account: WithGlue) -> None:
    account.stub.add_client_error("get_database", "EntityNotFoundException", "Database d not found.")
    account.stub.add_response("get_database", {"Database": {"Name": "default"}})
    assert [finding.state for finding in findings(lakehouse, account)] == ["ok", "ok", "error", "ok"]
