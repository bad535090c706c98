"""Each Lambda with the permissions of its own role and no others: the embedded AWS asks the roles here (AUTH), as AWS
does.

What is another: the deployment's policies that refuse all without TLS are left out, because the embedded AWS is reached
without; Glue jobs, Athena and crawlers have no role there, and their permissions are asserted on the template only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_deploy import embedded as deployment
from aws_deploy.rollout import Templates
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws import process
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets_tests.aws_deploy import pipelines
from lakehouse_assets_tests.aws_deploy.pipelines import Pipeline, deployed
from lakehouse_assets_tests.embedded_aws.steps import wait_for
from lakehouse_assets_tests.support import (
    ITEMS,
    archived,
    item,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    rejects,
    table_rows,
    workbook,
)

pytestmark = pytest.mark.long


def _without_tls_only(template: str) -> str:
    made = json.loads(template)
    for resource in made["Resources"].values():
        if policy := resource["Properties"].get("PolicyDocument"):
            policy["Statement"] = [statement for statement in policy["Statement"] if statement["Sid"] != "OnlyOverTls"]
    return json.dumps(made)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, lambda_zips: dict[str, Path]) -> Iterator[Pipeline]:
    stored = deployment.stored_templates("ecommerce")
    plain = Templates(_without_tls_only(stored.storage), _without_tls_only(stored.pipeline))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AUTH", "true")
        patched.setattr(process, "NAMES_OF_THE_SERVER", process.NAMES_OF_THE_SERVER | {"AUTH"})
        for module in (deployment, pipelines):
            patched.setattr(module, "stored_templates", lambda _: plain)
        with deployed(tmp_path_factory.mktemp("permissions"), lambda_zips) as running:
            yield running


@pytest.fixture
def house(pipeline: Pipeline) -> Lakehouse:
    return pipeline.house


def ended(pipeline: Pipeline, batches: int) -> LoadReport:
    """The report of the latest batch, once there are so many and nothing runs."""
    wait_for(lambda: True if len(pipeline.house.reports.all()) == batches else None, pipelines.SECONDS)
    pipeline.at_rest()
    return pipeline.house.reports.all()[-1]


def test_every_step_may_do_what_it_does_and_the_archive_nothing_without_its_permissions(
    pipeline: Pipeline, house: Lakehouse, tmp_path: Path
) -> None:
    """One test, because the second batch needs the first: a workbook, a file to quarantine, rejects, an orphan; then
    the archive's role loses its removals.
    """
    with pipeline.events_held_back():
        put(
            house,
            "uploads/items.xlsx",
            workbook(tmp_path / "items.xlsx", {"items": [ITEMS, item(1, 1, 1), item(2, 77, 1)]}),
        )
        put(house, "raw/orders/unreadable.csv", "neither,this\n1,2\n")
        put(house, "raw/products/p.csv", products_csv(product(1), product("x")))
        put(house, "raw/orders/o.csv", orders_csv(order(1)))
    report = ended(pipeline, 1)
    assert (report["status"], report["error"]) == ("succeeded_with_rejects", None)
    assert table_rows(house, "order_items", "id") == [(1,)]
    assert [row["reasons"] for row in rejects(house, "order_items")] == [["order_id: no such orders.order_id"]]
    assert {"raw/orders/o.csv", "raw/products/p.csv", "uploads/items.xlsx"} < set(archived(house))
    assert "raw/orders/unreadable.csv" in archived(house, "rejected/files/")

    role = house.aws.client("cloudformation").describe_stack_resource(
        StackName="EcommercePipeline", LogicalResourceId="ArchiveRole"
    )
    name, iam = role["StackResourceDetail"]["PhysicalResourceId"], house.aws.client("iam")
    policy = iam.get_role_policy(RoleName=name, PolicyName="Needed")["PolicyDocument"]
    without = {**policy, "Statement": [statement for statement in policy["Statement"] if statement["Sid"] != "Removes"]}
    assert len(without["Statement"]) == len(policy["Statement"]) - 1
    iam.put_role_policy(RoleName=name, PolicyName="Needed", PolicyDocument=json.dumps(without))
    with pipeline.events_held_back():
        for key, text in {"orders/late.csv": orders_csv(order(77)), "products/q.csv": products_csv(product(2))}.items():
            put(house, f"raw/{key}", text)
        put(house, "uploads/more.xlsx", workbook(tmp_path / "more.xlsx", {"items": [ITEMS, item(3, 77, 2)]}))
    report = ended(pipeline, 2)
    assert report["status"] == "failed"
    assert "AccessDenied" in str(report["error"])
    assert house.lease.held_by() is None

    iam.put_role_policy(RoleName=name, PolicyName="Needed", PolicyDocument=json.dumps(policy))
    [failed] = [execution for execution in pipeline.executions() if execution["status"] == "FAILED"]
    pipeline.states.redrive_execution(executionArn=failed["executionArn"])
    wait_for(lambda: True if house.reports.all()[-1]["status"] == "succeeded" else None, pipelines.SECONDS)
    assert sorted(table_rows(house, "order_items", "id")) == [(1,), (2,), (3,)]
    assert not [key for key in house.zone.store.keys("raw/") if key.endswith(".csv")]
