"""The fault model's table "Files", its lines about workbooks and about what else lies under uploads/: all of it lands
at once, in one batch.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.landing.workbooks.raw_workbook import MAIN, row, sheet, write_workbook
from lakehouse_assets_tests.spark import on_spark
from lakehouse_assets_tests.support import (
    ORDERS,
    PRODUCTS,
    archived,
    file_of,
    keys,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    ran,
    rejects,
    table_rows,
    workbook,
)

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def month(path: Path) -> None:
    """15 sheets, the last day first; an empty sheet, a hidden one, one of another dataset, one of none, one with half a
    header.
    """
    book = openpyxl.Workbook()
    book.remove(book.active)
    for day in range(15, 0, -1):
        days = book.create_sheet(f"2025-04-{day:02}")
        days.append(ORDERS)
        days.append(order(day, day=f"2025-04-{day:02}"))
    book.create_sheet("empty")
    hidden = book.create_sheet("hidden")
    hidden.append(PRODUCTS)
    hidden.append(product(1))
    hidden.sheet_state = "hidden"
    book.create_sheet("notes").append(["hello", "world"])
    book.create_sheet("half").append(PRODUCTS[:-1])
    book.create_sheet("header only").append(ORDERS)
    book.save(path)


def cells(path: Path) -> None:
    """Formulas with and without saved values, an error, dates as dates; a sheet whose name leads out of its folder."""
    formula = '<c t="str"><f>A1</f><v>Globe</v></c>'
    rows = [
        row(*PRODUCTS),
        row("<c><f>100+1</f><v>101</v></c>", 2, "Books", formula),
        row(102, "<c><f>1+1</f></c>", "Books", "Atlas"),
        row(103, 2, "Books", '<c t="e"><f>1/0</f><v>#DIV/0!</v></c>'),
        row(104, 2, "Books", "=cmd()"),
    ]
    dated = '<c s="1"><v>45748.5</v></c>'
    orders = [row(*ORDERS), row(1, 105, 7, dated, 10.5, '<c s="2"><v>45748</v></c>')]
    elsewhere = sheet(row(*PRODUCTS), row(105, 2, "Books", "Atlas"))
    write_workbook(
        path, {"formulas": sheet(*rows), "dates": sheet(*orders), "../../elsewhere": elsewhere}, formats=(0, 22, 14)
    )


def merged(path: Path) -> None:
    book = openpyxl.Workbook()
    for values in (PRODUCTS, (111, 2, "Books", "Atlas"), (112, 2, "Books", "Globe")):
        book.active.append(values)
    book.active.merge_cells("C2:C3")
    book.save(path)


def zip_bomb(path: Path) -> None:
    write_workbook(path, {"S": sheet(row(*PRODUCTS), " " * (80 << 20))})


def lying_bomb(path: Path) -> None:
    write_workbook(path, {"S": sheet(row(*PRODUCTS), " " * 1_000_000)})
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", size), struct.pack("<L", 100)))


def billion_laughs(path: Path) -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    laughs = (
        f'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">{entities}]><sst'
        f' xmlns="{MAIN}"><si><t>&l9;</t></si></sst>'
    )
    write_workbook(path, {"S": sheet(row(*PRODUCTS))}, parts={"xl/sharedStrings.xml": laughs})


def truncated(path: Path) -> None:
    workbook(path, {"S": [PRODUCTS, *map(product, range(200))]})
    path.write_bytes(path.read_bytes()[:-300])


def encrypted(path: Path) -> None:
    path.write_bytes(OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600))


def old_format(path: Path) -> None:
    path.write_bytes(OLE + bytes(600) + "Workbook".encode("utf-16-le") + bytes(600))


def plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no workbook")


def notes(path: Path) -> None:
    path.write_text("hello\nworld\n")


def picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))


SET_ASIDE: dict[str, tuple[Callable[[Path], None], str]] = {
    "zip bomb.xlsx": (zip_bomb, "looks like a zip bomb"),
    "lying zip bomb.xlsx": (lying_bomb, "is not what the archive's directory declares"),
    "billion laughs.xlsx": (billion_laughs, "declares XML entities"),
    "cut off.xlsx": (truncated, "the workbook is cut off or damaged"),
    "encrypted.xlsx": (encrypted, "password"),
    "old.xls": (old_format, ".xls"),
    "archive.zip": (plain_zip, "workbook"),
    "notes.txt": (notes, "no dataset has these columns"),
    "picture.png": (picture, "neither a workbook nor a CSV file"),
}


@dataclass(frozen=True)
class Landed:
    lakehouse: Lakehouse
    report: LoadReport
    sent: dict[str, bytes]
    modified: dict[str, datetime]


@pytest.fixture(scope="module", params=["embedded", pytest.param("spark", marks=pytest.mark.spark)])
def landed(
    request: pytest.FixtureRequest,
    lakehouse_home: Path,
    lakehouse_aws: EmbeddedAws,
    tmp_path_factory: pytest.TempPathFactory,
) -> Landed:
    """Each engine reads the sheets."""
    lakehouse = Lakehouse(own_settings(lakehouse_home), Aws(lakehouse_aws.environment()))
    if request.param == "spark":
        lakehouse = on_spark(lakehouse)
    bootstrap(lakehouse.settings, lakehouse.aws)
    folder = tmp_path_factory.mktemp("uploads")
    makers: dict[str, Callable[[Path], None]] = {"month.xlsx": month, "cells.xlsx": cells, "merged.xlsx": merged}
    makers |= {name: make for name, (make, _) in SET_ASIDE.items()}
    for name, make in makers.items():
        make(folder / name)
    sent = {name: (folder / name).read_bytes() for name in makers}
    sent["unsorted.csv"] = orders_csv(order(201)).encode()
    sent["odd ✓/..name+%.csv"] = products_csv(product(202)).encode()
    sent["odd ✓/b\t\x7fk.xlsx"] = workbook(folder / "odd.xlsx", {"..b 'c' +%": [PRODUCTS, product(203)]}).read_bytes()
    for name, content in sent.items():
        put(lakehouse, f"uploads/{name}", content)
    modified = {version.key: version.modified for version in lakehouse.zone.store.waiting("uploads/")}
    return Landed(lakehouse, ran(lakehouse), sent, modified)


def test_every_sheet_is_accounted_for(landed: Landed) -> None:
    told = {
        file["name"].partition("#")[2]: file for file in landed.report["files"] if file["name"].startswith("month.xlsx")
    }
    days = [f"2025-04-{day:02}" for day in range(1, 16)]
    assert sorted(told) == sorted([*days, "empty", "hidden", "notes", "half", "header only"])
    assert {(told[day]["outcome"], told[day]["dataset"], told[day]["read"]) for day in days} == {
        ("loaded", "orders", 1)
    }
    assert (told["hidden"]["outcome"], told["hidden"]["dataset"]) == ("loaded", "products")
    assert told["header only"]["outcome"] == "empty"
    left_out = {name: told[name]["reason"] for name in ("empty", "notes", "half")}
    assert {told[name]["outcome"] for name in left_out} == {"ignored"}
    assert left_out["empty"] == "empty sheet"
    assert str(left_out["notes"]).startswith("no dataset has these columns")
    assert "the closest is products, without: product_name" in str(left_out["half"])


def test_the_sheets_rows_are_in_the_tables_with_their_sheet_and_the_workbooks_time(landed: Landed) -> None:
    rows = table_rows(landed.lakehouse, "orders", "order_id", "date", "source_file", "source_modified_at")
    month_rows = [row for row in rows if str(row[2]).startswith("uploads/month.xlsx#")]
    assert [row[:3] for row in month_rows] == [
        (day, f"2025-04-{day:02}", f"uploads/month.xlsx#2025-04-{day:02}") for day in range(1, 16)
    ]
    assert {row[3].replace(microsecond=0) for row in month_rows} == {landed.modified["uploads/month.xlsx"]}


def test_a_formula_gives_its_saved_value_and_one_without_is_a_reject(landed: Landed) -> None:
    rows = table_rows(landed.lakehouse, "products")
    assert (101, 2, "Books", "Globe") in rows
    assert (104, 2, "Books", "=cmd()") in rows
    found = {
        record["row_number"]: record
        for record in rejects(landed.lakehouse, "products")
        if record["source_file"] == "uploads/cells.xlsx#formulas"
    }
    assert {number: record["reasons"] for number, record in found.items()} == {
        2: ["cell B3: a formula without a saved value (=1+1)"],
        3: ["cell D4: #DIV/0!, an error value (=1/0)"],
    }
    assert found[2]["raw"] == {"product_id": "102", "department_id": "", "department": "Books", "product_name": "Atlas"}
    assert found[3]["raw"]["product_name"] == "#DIV/0!"


def test_date_cells_are_timestamps_and_days(landed: Landed) -> None:
    [row] = [row for row in table_rows(landed.lakehouse, "orders") if row[1] == 105]
    assert row == (1, 105, 7, datetime(2025, 4, 1, 12, tzinfo=UTC), 10.5, "2025-04-01")


def test_a_merged_cell_has_its_value_once_and_the_other_rows_are_rejected_not_filled(landed: Landed) -> None:
    assert (111, 2, "Books", "Atlas") in table_rows(landed.lakehouse, "products")
    [record] = [
        record
        for record in rejects(landed.lakehouse, "products")
        if record["source_file"].startswith("uploads/merged.xlsx#")
    ]
    assert (record["row_number"], record["reasons"]) == (2, ["department: required"])


@pytest.mark.parametrize("name", SET_ASIDE)
def test_what_is_no_usable_workbook_is_set_aside_with_the_reason(landed: Landed, name: str) -> None:
    file = file_of(landed.report, name)
    assert (file["outcome"], file["dataset"]) == ("quarantined", None)
    assert SET_ASIDE[name][1] in str(file["reason"])
    kept = archived(landed.lakehouse, "rejected/files/")
    assert kept[f"uploads/{name}"] == landed.sent[name]
    assert SET_ASIDE[name][1] in json.loads(kept[f"uploads/{name}.reason.json"])["reason"]


def test_csv_under_uploads_is_routed_by_its_header(landed: Landed) -> None:
    file = file_of(landed.report, "unsorted.csv")
    assert (file["outcome"], file["dataset"], file["read"]) == ("loaded", "orders", 1)
    assert (201, "uploads/unsorted.csv") in table_rows(landed.lakehouse, "orders", "order_id", "source_file")


def test_odd_names_are_loaded_under_keys_inside_their_prefix(landed: Landed) -> None:
    sources = dict(table_rows(landed.lakehouse, "products", "product_id", "source_file"))
    assert sources[202] == "uploads/odd ✓/..name+%.csv"
    assert sources[105] == "uploads/cells.xlsx#../../elsewhere"
    assert sources[203] == "uploads/odd ✓/b\t\x7fk.xlsx#..b 'c' +%"
    made = [key for key in archived(landed.lakehouse) if key.startswith("raw/")]
    assert all(key.startswith(("raw/products/", "raw/orders/")) for key in made)
    assert not any(".." in key or set(key) & set("\t\x7f'+%#") for key in made)


def test_the_workbooks_and_their_sheets_are_archived_and_nothing_waits(landed: Landed) -> None:
    kept = archived(landed.lakehouse)
    assert {name: kept.get(f"uploads/{name}") for name in landed.sent if name not in SET_ASIDE} == {
        name: content for name, content in landed.sent.items() if name not in SET_ASIDE
    }
    assert keys(landed.lakehouse, "uploads/") == keys(landed.lakehouse, "raw/") == []


def test_no_row_is_lost_or_made_up(landed: Landed) -> None:
    products, orders = landed.report["datasets"]["products"], landed.report["datasets"]["orders"]
    assert (products["read"], products["inserted"], products["rejected"]) == (10, 7, 3)
    assert (orders["read"], orders["inserted"], orders["rejected"]) == (17, 17, 0)
