"""The fault model's table "Files", its lines about CSV: all of it lands at once, in one batch, so that each case shows
that it harms no neighbour.

Workbooks: test_workbook_fault_table. Many and large files: test_volume. The same content or name again: test_batches.
"""

from __future__ import annotations

import codecs
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.file_cases import HEADER, LAYOUTS, Case, empty, loaded, named, quarantined
from lakehouse_assets_tests.spark import on_spark
from lakehouse_assets_tests.support import (
    PRODUCTS,
    archived,
    body,
    csv_text,
    file_of,
    keys,
    product,
    products_csv,
    put,
    ran,
    rejects,
    run,
    table_rows,
)

CASES = [
    empty("no bytes.csv", b""),
    empty("header only.csv", f"{HEADER}\n".encode()),
    empty("header without a line end.csv", HEADER.encode()),
    empty("blank lines.csv", b"\n\r\n  \n"),
    loaded(
        "other order, case, spaces and a BOM.csv",
        codecs.BOM_UTF8 + b" Product_Name ,DEPARTMENT,department_id\t, PRODUCT_ID\nAtlas,Books,2,1001\n",
        product(1001),
        warning=(
            'columns known by another spelling: " Product_Name " for product_name, "DEPARTMENT" for department,'
            ' "department_id\\t" for department_id, " PRODUCT_ID" for product_id'
        ),
    ),
    quarantined("missing columns.csv", b"product_id,department\n1,Books\n", "lacks required columns of products: department_id, product_name"),
    quarantined("doubled column.csv", f"{HEADER},Department\n1,2,Books,Atlas,Toys\n".encode(), "has more than one column named: department"),
    quarantined("no header.csv", b"1,2,Books,Atlas\n2,2,Books,Globe\n", "has no header"),
    loaded(
        "extra column.csv", f"{HEADER},Colour\n1010,2,Books,Atlas,red\n", product(1010), warning="columns that the contract does not know: colour"
    ),
    loaded("gzip named.csv", gzip.compress(products_csv(product(1011)).encode()), product(1011)),
    loaded("text named.csv.gz", products_csv(product(1012)), product(1012)),
    loaded("gzip named right.csv.gz", gzip.compress(products_csv(product(1013)).encode()), product(1013)),
    loaded("gzip padded with zeros.csv.gz", gzip.compress(products_csv(product(1014)).encode()) + b"\0" * 512, product(1014)),
    loaded(
        "gzip in parts with zeros between them.csv.gz",
        gzip.compress(products_csv(product(1015)).encode()) + b"\0" * 9 + gzip.compress(b"1016,2,Books,Atlas\n"),
        product(1015),
        product(1016),
    ),
    quarantined("gzip cut off.csv.gz", gzip.compress(products_csv(*map(product, range(500))).encode())[:-40], "is cut off"),
    named("_underscore.csv", 1020),
    named(".dot.csv", 1021),
    named("spaces in  the name.csv", 1022),
    named("plus+and%percent%20.csv", 1023),
    named("Bücher/日本 e\u0301/עברית.csv", 1024),
    named("quote's \"double\" ; DROP TABLE x --.csv", 1025),
    named("globs [12] * ? {a,b}.csv", 1026),
    named("query?a=b&c#fragment.csv", 1027),
    named("no extension", 1028),
    named("date=2025-04-01/part.csv", 1029),
    named("a//b/c.csv", 1032),
    named("backslash\\back.csv", 1030),
    named("tab\tand\nline.csv", 1031),
    quarantined("latin-1.csv", f"{HEADER}\n1,2,Bücher,Atlas\n".encode("latin-1"), "is not UTF-8: byte 0xFC"),
    quarantined("utf-16.csv", products_csv(product(1)).encode("utf-16"), "is UTF-16, not UTF-8"),
    quarantined("utf-16 without a mark.csv", products_csv(product(1)).encode("utf-16-le"), "is UTF-16 without a byte order mark"),
    quarantined(
        "latin-1 far behind.csv", products_csv(*map(product, range(60_000))).encode() + "1,2,Bücher,Atlas\n".encode("latin-1"), "is not UTF-8: byte 0xFC"
    ),
    loaded(
        "ragged.csv",
        f"{HEADER}\n1040,2,Books,Atlas\n1041,2\n1042,2,Books,Atlas,more,and more\n1043,2,Books,Globe\n",
        product(1040),
        product(1043, "Globe"),
        rejected=[(2, "2 fields where the header has 4"), (3, "6 fields where the header has 4")],
    ),
    loaded(
        "quotes.csv",
        f'{HEADER}\n1050,2,Books,"Atlas, the ""large"" one"\n1051,2,Books,"two\nlines"\n1052,2,"Books","two\r\nlines, ""quoted"""\n',
        product(1050, 'Atlas, the "large" one'),
        product(1051, "two\nlines"),
        product(1052, 'two\r\nlines, "quoted"'),
    ),
    loaded("semicolons.csv", csv_text(PRODUCTS, [product(1060, "a,b"), product(1061, "c;d")], ";"), product(1060, "a,b"), product(1061, "c;d")),
    loaded("tabs.csv", csv_text(PRODUCTS, [product(1062)], "\t"), product(1062)),
    loaded("pipes.csv", csv_text(PRODUCTS, [product(1063)], "|"), product(1063)),
    quarantined("another delimiter.csv", csv_text(PRODUCTS, [product(1)], "^").encode(), "has no header"),
    loaded("crlf.csv", csv_text(PRODUCTS, [product(1070), product(1071)], newline="\r\n") + "\r\n\r\n", product(1070), product(1071)),
    loaded("old mac.csv", csv_text(PRODUCTS, [product(1072), product(1073)], newline="\r"), product(1072), product(1073)),
    loaded("mixed line ends.csv", f"{HEADER}\r\n1074,2,Books,Atlas\n1075,2,Books,Atlas\r\n", product(1074), product(1075)),
    loaded("blank lines between.csv", f"\n\n{HEADER}\n\n1076,2,Books,Atlas\n\n\n1077,2,Books,Atlas\n\n", product(1076), product(1077)),
    loaded("delimiters above the header.csv", f",,,\n  \n{HEADER}\n1079,2,Books,Atlas\n", product(1079)),
    loaded("no line end.csv", f"{HEADER}\n1078,2,Books,Atlas", product(1078)),
    loaded(
        "dirty rows.csv",
        f"{HEADER}\n1080,2,Books,Atlas\n,2,Books,Atlas\nabc,2,Books,Atlas\n1081,2,Books,\n",
        product(1080),
        rejected=[(2, "product_id: required"), (3, "product_id: not int"), (4, "product_name: required")],
    ),
    quarantined("open quote.csv", f'{HEADER}\n1,2,Books,"Atlas\n2,2,Books,Globe\n'.encode(), "a quote opened there is never closed"),
    quarantined("workbook.csv", b"PK\x03\x04 [Content_Types].xml and more", "is an Excel workbook, not CSV: put it under uploads/"),
    quarantined("parquet.csv", b"PAR1" + bytes(20), "is a Parquet file, not CSV"),
    *LAYOUTS,
]  # fmt: skip
STRAYS = ("raw/returned/r.csv", "raw/lonely.csv", "raw/products.csv")
EACH = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@dataclass(frozen=True)
class Landed:
    """The one batch: its lakehouse, its report, and what was read back from its tables, by source file."""

    lakehouse: Lakehouse
    report: LoadReport
    rows: dict[str, list[tuple[Any, ...]]]
    rejects: dict[str, list[dict[str, Any]]]
    archived: dict[str, bytes]
    quarantined: dict[str, bytes]


@pytest.fixture(scope="module", params=["embedded", pytest.param("spark", marks=pytest.mark.spark)])
def landed(request: pytest.FixtureRequest, lakehouse_home: Path, lakehouse_aws: EmbeddedAws) -> Landed:
    """Each engine reads the files."""
    lakehouse = Lakehouse(own_settings(lakehouse_home), Aws(lakehouse_aws.environment()))
    if request.param == "spark":
        lakehouse = on_spark(lakehouse)
    bootstrap(lakehouse.settings, lakehouse.aws)
    for case in CASES:
        put(lakehouse, f"raw/products/{case.name}", case.content)
    for key in STRAYS:
        put(lakehouse, key, products_csv(product(9)))
    report = ran(lakehouse)
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for source, *values in table_rows(lakehouse, "products", "source_file", *PRODUCTS):
        rows.setdefault(source, []).append(tuple(values))
    rejected: dict[str, list[dict[str, Any]]] = {}
    for record in rejects(lakehouse, "products"):
        rejected.setdefault(record["source_file"], []).append(record)
    return Landed(lakehouse, report, rows, rejected, archived(lakehouse), archived(lakehouse, "rejected/files/"))


@EACH
def test_the_report_says_what_became_of_the_file(landed: Landed, case: Case) -> None:
    file = file_of(landed.report, case.name)
    assert (file["outcome"], file["dataset"]) == (case.outcome, "products")
    assert case.reason in (file["reason"] or "")
    assert file["warnings"] == ([case.warning] if case.warning else [])
    assert (file["read"], file["rejected"]) == (len(case.loaded) + len(case.rejected), len(case.rejected))


@EACH
def test_exactly_its_sound_rows_are_in_the_table(landed: Landed, case: Case) -> None:
    assert landed.rows.get(f"raw/products/{case.name}", []) == list(case.loaded)


@EACH
def test_its_other_rows_are_rejected_with_every_reason(landed: Landed, case: Case) -> None:
    found = landed.rejects.get(f"raw/products/{case.name}", [])
    assert [(record["row_number"], *record["reasons"]) for record in found] == list(case.rejected)


@EACH
def test_its_bytes_are_archived_or_set_aside_and_no_longer_wait(landed: Landed, case: Case) -> None:
    key = f"raw/products/{case.name}"
    kept = landed.quarantined if case.outcome == "quarantined" else landed.archived
    assert kept[key] == case.content
    assert key not in keys(landed.lakehouse, "raw/")
    assert (key in landed.archived) + (key in landed.quarantined) == 1


@pytest.mark.parametrize("case", [case for case in CASES if case.outcome == "quarantined"], ids=lambda case: case.name)
def test_beside_a_file_set_aside_stands_the_reason(landed: Landed, case: Case) -> None:
    said = json.loads(landed.quarantined[f"raw/products/{case.name}.reason.json"])
    assert said["file"] == f"raw/products/{case.name}"
    assert case.reason in said["reason"]
    assert said["batch_id"] == landed.report["batch_id"]


def test_a_ragged_row_is_kept_with_the_fields_that_it_had(landed: Landed) -> None:
    short, long = (record["raw"] for record in landed.rejects["raw/products/ragged.csv"])
    assert short == {"product_id": "1041", "department_id": "2"}
    assert long == {
        "product_id": "1042",
        "department_id": "2",
        "department": "Books",
        "product_name": "Atlas",
        "(field 5)": "more",
        "(field 6)": "and more",
    }


def test_a_rejected_row_keeps_its_raw_values(landed: Landed) -> None:
    raws = [record["raw"] for record in landed.rejects["raw/products/dirty rows.csv"]]
    assert raws[1] == {"product_id": "abc", "department_id": "2", "department": "Books", "product_name": "Atlas"}
    assert raws[2]["product_name"] == ""


def test_strays_are_reported_and_left_alone(landed: Landed) -> None:
    told = {
        file["source_file"]: (file["outcome"], file["reason"])
        for file in landed.report["files"]
        if file["outcome"] == "ignored"
    }
    assert set(told) == set(STRAYS)
    assert all("lies in no dataset's folder (raw/" in str(reason) for _, reason in told.values())
    assert set(keys(landed.lakehouse, "raw/")) == set(STRAYS)
    assert body(landed.lakehouse, STRAYS[0]) == products_csv(product(9)).encode()


def test_every_row_of_the_batch_is_accounted_for_and_nothing_else_is_in_the_tables(landed: Landed) -> None:
    counts = landed.report["datasets"]["products"]
    assert counts["read"] == sum(len(case.loaded) + len(case.rejected) for case in CASES)
    assert (
        counts["inserted"] == sum(len(case.loaded) for case in CASES) == sum(len(rows) for rows in landed.rows.values())
    )
    assert (
        counts["rejected"]
        == sum(len(case.rejected) for case in CASES)
        == sum(len(records) for records in landed.rejects.values())
    )
    assert not any("\ufffd" in str(value) for rows in landed.rows.values() for row in rows for value in row)


def test_strays_alone_make_no_batch(landed: Landed) -> None:
    assert run(landed.lakehouse) is None
