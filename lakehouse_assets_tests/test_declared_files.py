"""Batches of a shop's export as it comes: headers, forms, words for missing values and encodings of the sender's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets_tests.support import nonzero, put, ran, rejects, table_rows
from lakehouse_assets_tests.test_odd_contracts import house

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: sales
name: sales
version: 1.0.0
status: active
servers:
  - {server: till, type: custom, encoding: windows-1252}
  - {server: shop, type: custom, path: online, encoding: utf-16}
schema:
  - name: sales
    logicalType: object
    customProperties: [{property: missingValues, value: ["NULL"]}]
    properties:
      - {name: sale_id, logicalType: integer, required: true, primaryKey: true, physicalName: Beleg-Nr.}
      - name: item
        logicalType: string
        required: true
        physicalName: Artikel
        synonyms: [{synonym: Lineitem name}]
      - name: amount
        physicalType: decimal(7,2)
        physicalName: Betrag
        customProperties: [{property: decimalChar, value: ","}, {property: groupChar, value: "."}]
      - name: sold_at
        logicalType: timestamp
        required: true
        physicalName: Verkauft am
        logicalTypeOptions: {format: "dd.MM.yyyy HH:mm", defaultTimezone: Europe/Berlin}
      - name: sold_on
        logicalType: date
        required: true
        partitioned: true
        transformLogic: CAST(sold_at AS DATE)
"""
HEADER = "Beleg-Nr.;Artikel;Betrag;Verkauft am"
COLUMNS = ("sale_id", "item", "amount", "sold_on")


@pytest.fixture
def sales(lakehouse_home: Path, lakehouse_aws: EmbeddedAws, tmp_path: Path) -> Lakehouse:
    (tmp_path / "sales.odcs.yaml").write_text(CONTRACT, "utf-8")
    assert yaml.safe_load(CONTRACT)
    return house(lakehouse_aws, lakehouse_home, tmp_path)


def put_text(lakehouse: Lakehouse, name: str, encoding: str, *lines: str) -> None:
    put(lakehouse, name, "\r\n".join((*lines, "")).encode(encoding))


def reasons(lakehouse: Lakehouse) -> list[Any]:
    return sorted((record["raw"]["sale_id"], record["reasons"]) for record in rejects(lakehouse, "sales"))


def test_files_of_two_senders_are_loaded_as_they_come(sales: Lakehouse) -> None:
    put_text(
        sales,
        "raw/sales/april.csv",
        "cp1252",
        HEADER,
        "1;Café crème €;1.234,50;01.04.2025 00:30",
        "2;Tee;NULL;01.04.2025 12:00",
        "3;Öl;123.456,78;01.04.2025 12:00",
        "4;Öl;1.5;01.04.2025 12:00",
        "5;Öl;1,5;30.03.2025 02:30",
        "6;Öl;1,5;2025-04-01T12:00:00",
        "7;NULL;1,5;01.04.2025 12:00",
    )
    put_text(
        sales,
        "raw/sales/online/april.csv",
        "utf-16",
        "beleg nr.,Lineitem Name,betrag,VERKAUFT_AM",
        "8,注文,,02.04.2025 08:00",
    )
    report = ran(sales)
    assert nonzero(report["datasets"]["sales"]) == {"read": 8, "inserted": 3, "rejected": 5}
    assert [(*map(str, row),) for row in table_rows(sales, "sales", *COLUMNS)] == [
        ("1", "Café crème €", "1234.50", "2025-03-31"),
        ("2", "Tee", "None", "2025-04-01"),
        ("8", "注文", "None", "2025-04-02"),
    ]
    assert reasons(sales) == [
        ("3", ["amount: not decimal(7,2)"]),
        ("4", ["amount: not decimal(7,2)"]),
        ("5", ["sold_at: not timestamp"]),
        ("6", ["sold_at: not timestamp"]),
        ("7", ["item: required"]),
    ]
    assert {file["name"]: file["warnings"] for file in report["files"]}["online/april.csv"] == [
        'columns known by another spelling: "beleg nr." for sale_id, "Lineitem Name" for item, "betrag" for amount,'
        ' "VERKAUFT_AM" for sold_at'
    ]


def test_a_file_with_two_names_of_one_column_is_quarantined_and_nothing_of_it_is_loaded(sales: Lakehouse) -> None:
    put_text(sales, "raw/sales/two.csv", "cp1252", f"{HEADER};Lineitem name", "1;Tee;1,5;01.04.2025 12:00;Tea")
    put_text(sales, "raw/sales/utf8.csv", "utf-8", HEADER, "2;Café;1,5;01.04.2025 12:00")
    put_text(sales, "raw/sales/good.csv", "cp1252", HEADER, "3;Café;1,5;01.04.2025 12:00")
    report = ran(sales)
    assert nonzero(report["datasets"]["sales"]) == {"read": 1, "inserted": 1}
    found = {file["name"]: (file["outcome"], file["reason"]) for file in report["files"]}
    assert found["two.csv"] == (
        "quarantined",
        'has more than one column named: item ("Artikel", "Lineitem name")',
    )
    assert found["utf8.csv"][0] == "quarantined"
    assert "is UTF-8, and its contract declares windows-1252" in str(found["utf8.csv"][1])


def test_a_file_that_names_no_dataset_is_routed_by_its_header_in_its_encoding(sales: Lakehouse) -> None:
    put_text(sales, "uploads/export.csv", "cp1252", HEADER, "3;Café;1,5;01.04.2025 12:00")
    ran(sales)
    assert table_rows(sales, "sales", "item") == [("Café",)]
