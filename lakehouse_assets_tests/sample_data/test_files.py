"""The sample data is made only from the contracts, is the same each time, and has errors of every kind. The second
batch corrects some of them.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.commands.load import load_with
from lakehouse_assets.cli.terminal.progress import Silent
from lakehouse_assets.contracts import SHIPPED, Contracts, read_contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.landing.local_files import find_files
from lakehouse_assets.sample_data.files import SampleData, make_sample_data
from lakehouse_assets.sample_data.rows import SPARE_ROWS, sample_rows
from lakehouse_assets_tests.support import rejects, table_rows

RETURNS = """
apiVersion: v3.1.0
kind: DataContract
id: returns
name: returns
version: 1.0.0
status: active
schema:
  - name: returns
    customProperties: [{property: version, value: returned_on}, {property: sampleRows, value: 50}]
    properties:
      - {name: return_id, physicalType: bigint, required: true, primaryKey: true, customProperties: [{property: sample, value: "n"}]}
      - {name: item_id, physicalType: int, required: true, relationships: [{type: foreignKey, to: order_items.id}]}
      - {name: refund, physicalType: double, required: true, logicalTypeOptions: {minimum: 0}, customProperties: [{property: sample, value: "n / 4"}]}
      - name: returned_on
        physicalType: date
        required: true
        customProperties: [{property: sample, value: "CAST(order_items.order_timestamp AS DATE) + 9"}]
      - {name: remark, physicalType: string, required: false}
"""
BASKETS = """
apiVersion: v3.1.0
kind: DataContract
id: baskets
name: baskets
version: 1.0.0
status: active
schema:
  - name: baskets
    customProperties: [{property: sampleRows, value: 200}]
    properties:
      - {name: order_id, physicalType: int, required: true, primaryKey: true, relationships: [{type: foreignKey, to: orders.order_id}]}
      - {name: product_id, physicalType: int, required: true, primaryKey: true, relationships: [{type: foreignKey, to: products.product_id}]}
      - {name: amount, physicalType: int, required: true, customProperties: [{property: sample, value: "1 + n % 5"}]}
"""
WRAPPINGS = """
apiVersion: v3.1.0
kind: DataContract
id: wrappings
name: wrappings
version: 1.0.0
status: active
schema:
  - name: wrappings
    relationships: [{from: [wrappings.order_id, wrappings.product_id], to: [baskets.order_id, baskets.product_id]}]
    properties:
      - {name: wrapping_id, physicalType: int, required: true, primaryKey: true, customProperties: [{property: sample, value: "n"}]}
      - {name: order_id, physicalType: int, required: true, relationships: [{type: foreignKey, to: orders.order_id}]}
      - {name: product_id, physicalType: int, required: true}
"""
"""Their order is a parent by itself, and with the product."""


def contracts_with(folder: Path, **documents: str) -> Contracts:
    """The shipped contracts and these."""
    contracts = shutil.copytree(SHIPPED, folder / "contracts")
    for name, document in documents.items():
        (contracts / f"{name}.odcs.yaml").write_text(document)
    return read_contracts(contracts)


def test_a_key_of_several_parents_is_different_in_each_row(tmp_path: Path) -> None:
    rows = sample_rows(contracts_with(tmp_path, baskets=BASKETS))["baskets"]
    assert len({(row["order_id"], row["product_id"]) for row in rows}) == len(rows) == 200 + SPARE_ROWS


def test_the_columns_of_a_parent_of_several_columns_are_those_of_one_row(tmp_path: Path) -> None:
    rows = sample_rows(contracts_with(tmp_path, baskets=BASKETS, wrappings=WRAPPINGS))
    baskets = {(row["order_id"], row["product_id"]) for row in rows["baskets"][:200]}
    assert {(row["order_id"], row["product_id"]) for row in rows["wrappings"]} <= baskets


def test_a_key_of_several_columns_with_too_few_values_is_refused(tmp_path: Path) -> None:
    few = BASKETS.replace(
        "primaryKey: true, relationships: [{type: foreignKey, to: products.product_id}]",
        'primaryKey: true, customProperties: [{property: sample, value: "1"}]',
    ).replace("value: 200", "value: 2000")
    with pytest.raises(
        BadConfiguration, match=r"baskets\.odcs\.yaml: .* different values of order_id and product_id; 2040"
    ):
        sample_rows(contracts_with(tmp_path, baskets=few))


def test_the_same_files_come_out_each_time(tmp_path: Path) -> None:
    first, again = (make_sample_data(tmp_path / name, read_contracts()) for name in ("one", "two"))
    assert first.contents == again.contents
    assert {name: (first.folder / name).read_bytes() for name in first.contents} == {
        name: (again.folder / name).read_bytes() for name in again.contents
    }


def test_a_new_contract_brings_files_of_its_own(tmp_path: Path) -> None:
    contracts = shutil.copytree(SHIPPED, tmp_path / "contracts")
    (contracts / "returns.odcs.yaml").write_text(RETURNS)
    sample = make_sample_data(tmp_path / "sample", read_contracts(contracts))
    assert {"first_batch/returns.xlsx", "second_batch/returns_corrections.csv"} <= set(sample.contents)


def test_a_dataset_that_cannot_be_sampled_is_left_out(tmp_path: Path) -> None:
    contracts = shutil.copytree(SHIPPED, tmp_path / "contracts")
    (contracts / "returns.odcs.yaml").write_text(
        RETURNS.replace(', customProperties: [{property: sample, value: "n / 4"}]', "")
    )
    sample = make_sample_data(tmp_path / "sample", read_contracts(contracts))
    assert not any("returns" in name for name in sample.contents)
    assert "first_batch/products.csv" in sample.contents


def test_a_wrong_sample_expression_is_named_with_its_contract(tmp_path: Path) -> None:
    contracts = shutil.copytree(SHIPPED, tmp_path / "contracts")
    (contracts / "returns.odcs.yaml").write_text(RETURNS.replace("n / 4", "nonsense(n)"))
    with pytest.raises(BadConfiguration, match=r"returns\.odcs\.yaml: a sample expression of returns cannot be used"):
        make_sample_data(tmp_path / "sample", read_contracts(contracts))


def test_sample_files_are_written_as_their_contract_declares_and_without_calculated_columns(tmp_path: Path) -> None:
    contracts = shutil.copytree(SHIPPED, tmp_path / "contracts")
    declared = RETURNS.replace(
        "physicalType: date", "physicalType: date\n        logicalTypeOptions: {format: dd.MM.yyyy}"
    )
    declared = declared.replace('value: "n / 4"}', 'value: "n / 4"}, {property: decimalChar, value: ","}')
    declared += "      - {name: month, logicalType: string, required: true, transformLogic: \"date_format(returned_on, 'yyyy-MM')\"}\n"
    (contracts / "returns.odcs.yaml").write_text(declared.replace("schema:", "servers: [{encoding: utf-16}]\nschema:"))
    sample = make_sample_data(tmp_path / "sample", read_contracts(contracts))
    text = (sample.folder / "second_batch" / "returns_corrections.csv").read_text("utf-16")
    assert re.fullmatch(
        r'return_id,item_id,refund,returned_on,remark\n([0-9]+,[0-9]+,"[0-9]+,[0-9]+",[0-9]{2}\.[0-9]{2}\.[0-9]{4},\n)+',
        text,
    )


def load(lakehouse: Lakehouse, batch: Path) -> LoadReport:
    report = load_with(lakehouse, find_files([batch], lakehouse.settings.home)[0], Silent())
    assert report["batch_id"] is not None
    return report


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_the_two_batches_show_every_kind_of_dirt_and_how_some_of_it_is_put_right(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    sample = make_sample_data(tmp_path, lakehouse.contracts)
    first = load(lakehouse, sample.first)
    assert first["status"] == "succeeded"
    _check_the_first(lakehouse, sample, first)
    second = load(lakehouse, sample.second)
    assert second["status"] == "succeeded"
    _check_the_second(lakehouse, second)


def _check_the_first(lakehouse: Lakehouse, sample: SampleData, report: LoadReport) -> None:
    reasons = {f"{dataset}: {reason}" for dataset, counted in report["reasons"].items() for reason in counted}
    assert reasons >= {
        "products: product_id: required",
        "products: department_id: not int",
        "products: 3 fields where the header has 5",
        "products: 6 fields where the header has 5",
        "orders: total_amount: minimum 0",
        "orders: order_timestamp: not timestamp",
        "orders: date: required",
        "order_items: id: required",
        "order_items: order_id: no such orders.order_id",
    }
    raw = {
        value
        for dataset in lakehouse.contracts
        for record in rejects(lakehouse, dataset)
        for value in record["raw"].values()
    }
    assert raw >= {"twelve", "1e3", "99999999999", "-19.99", "not-a-date", "2025-02-30T10:00:00", "   "}
    assert {"orders", "order_items"} <= set(report["warnings"])
    assert all(counts["duplicates"] for counts in report["datasets"].values())
    assert {file["outcome"] for file in report["files"]} == {"loaded", "empty", "quarantined", "ignored"}
    assert sum(file["outcome"] == "quarantined" for file in report["files"]) == 2
    assert {file["name"] for file in report["files"] if file["outcome"] == "ignored"} == {
        "orders.xlsx#Empty",
        "orders.xlsx#Notes",
    }
    assert any("remark" in warning for file in report["files"] for warning in file["warnings"])
    uploaded = {Path(name).name for name in sample.contents if name.startswith("first_batch")}
    assert {file["name"].split("#")[0] for file in report["files"]} == uploaded, "every file is accounted for"


def _check_the_second(lakehouse: Lakehouse, report: LoadReport) -> None:
    assert {"products.csv": "duplicate", "orders_late.csv.gz": "loaded"}.items() <= {
        file["name"]: file["outcome"] for file in report["files"]
    }.items()
    assert report["datasets"]["orders"]["updated"] == 11
    assert report["datasets"]["orders"]["stale"] == 1
    assert report["healed"]["order_items"] > 10
    assert not any(record["waiting"] for record in rejects(lakehouse, "order_items"))
    for dataset, contract in lakehouse.contracts.items():
        sound = contract.sample_rows + (2 if dataset in report["healed"] or dataset == "orders" else 0)
        assert len(table_rows(lakehouse, dataset, *contract.keys)) == sound, (
            f"{dataset}: the sound rows, and the two that broke a warning only"
        )
