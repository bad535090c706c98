import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadData, LakehouseError, TemporaryOutage
from lakehouse_assets.landing import convert
from lakehouse_assets.landing.convert import provenance
from lakehouse_assets_tests.support import (
    ORDERS,
    PRODUCTS,
    Row,
    body,
    file_of,
    freeze,
    keys,
    next_second,
    nonzero,
    order,
    orders_csv,
    outcomes,
    product,
    products_csv,
    put,
    ran,
    table_rows,
    workbook,
)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Two sheets of orders, one of products, one of nothing."""
    sheets: dict[str, Any] = {
        "Monday": [ORDERS, order(1)],
        "Tuesday": [ORDERS, order(2), order(3)],
        "stock": [PRODUCTS, product(1)],
        "notes": [["hello"]],
    }
    return workbook(tmp_path / "book.xlsx", sheets)


def test_each_sheet_becomes_a_csv_of_its_dataset_and_the_upload_stays_until_it_is_archived(
    lakehouse: Lakehouse, book: Path
) -> None:
    put(lakehouse, "uploads/book.xlsx", book)
    [record] = lakehouse.convert()
    assert (record["key"], record["outcome"], record["reason"]) == ("uploads/book.xlsx", "converted", None)
    told = [(sheet["name"], sheet["outcome"], sheet["dataset"], sheet["rows"]) for sheet in record["sheets"]]
    assert told == [
        ("uploads/book.xlsx#Monday", "converted", "orders", 1),
        ("uploads/book.xlsx#Tuesday", "converted", "orders", 2),
        ("uploads/book.xlsx#stock", "converted", "products", 1),
        ("uploads/book.xlsx#notes", "ignored", None, 1),
    ]
    [version] = lakehouse.zone.store.waiting("uploads/")
    folder = f"book.xlsx/{version.file_id[:8]}"
    assert keys(lakehouse, "raw/") == [
        f"raw/orders/{folder}/001-Monday.csv",
        f"raw/orders/{folder}/002-Tuesday.csv",
        f"raw/products/{folder}/003-stock.csv",
    ]
    assert body(lakehouse, f"raw/orders/{folder}/002-Tuesday.csv").decode() == orders_csv(order(2), order(3))


def test_an_upload_in_many_folders_is_converted_whatever_fits_into_a_key(lakehouse: Lakehouse, book: Path) -> None:
    """Each of the folders' names becomes longer, as it is changed; the archive's folder does not fit before the name
    either.
    """
    key = f"uploads/{'a?/' * 335}b.xlsx"
    put(lakehouse, key, book)
    report = ran(lakehouse)
    assert sorted(outcomes(report).values()) == ["ignored", "loaded", "loaded", "loaded"]
    assert {source for (source,) in table_rows(lakehouse, "orders", "source_file")} == {
        f"{key}#Monday",
        f"{key}#Tuesday",
    }
    assert keys(lakehouse, "uploads/") == keys(lakehouse, "raw/") == []


@pytest.mark.parametrize(
    "name",
    ["ü" * 400 + ".xlsx", "ü" * 329 + "/book.xlsx", "ü" * 400 + ".csv"],
    ids=["workbook", "workbook whose sheet's name is too much", "CSV"],
)
def test_an_upload_whose_name_does_not_fit_into_metadata_is_set_aside_whole(
    lakehouse: Lakehouse, book: Path, name: str
) -> None:
    key = f"uploads/{name}"
    put(lakehouse, key, products_csv(product(1)) if name.endswith(".csv") else book)
    put(lakehouse, "uploads/neighbour.csv", products_csv(product(2)))
    report = ran(lakehouse)
    file = file_of(report, name)
    assert (file["outcome"], "give it a shorter one" in str(file["reason"])) == ("quarantined", True)
    assert table_rows(lakehouse, "products", "product_id") == [(2,)]
    assert len(keys(lakehouse, "rejected/files/")) == 2


def test_what_was_converted_is_not_converted_again(lakehouse: Lakehouse, book: Path) -> None:
    put(lakehouse, "uploads/book.xlsx", book)
    assert len(lakehouse.convert()) == 1
    assert lakehouse.convert() == []


def test_while_a_batch_is_open_uploads_wait_for_the_next_one(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    assert lakehouse.freeze("any") is not None
    put(lakehouse, "uploads/later.csv", orders_csv(order(2)))
    assert lakehouse.convert() == []
    assert [list(outcomes(ran(lakehouse))) for _ in range(2)] == [["o.csv"], ["later.csv"]]
    assert table_rows(lakehouse, "orders", "order_id") == [(1,), (2,)]


def test_a_sheets_csv_says_where_it_comes_from_with_the_workbooks_time_and_its_rows(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    put(
        lakehouse, "uploads/Bücher ✓.xlsx", workbook(tmp_path / "b.xlsx", {"día 1": [PRODUCTS, product(1), product(2)]})
    )
    [upload] = lakehouse.zone.store.waiting("uploads/")
    next_second()
    lakehouse.convert()
    [version] = lakehouse.zone.store.waiting("raw/")
    assert version.modified > upload.modified
    found = provenance(version, lakehouse.zone.store.metadata(version))
    assert found == ("uploads/Bücher ✓.xlsx#día 1", upload.modified, 2)


def test_a_csv_put_into_a_datasets_folder_is_its_own_source(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    [version] = lakehouse.zone.store.waiting("raw/")
    assert provenance(version, lakehouse.zone.store.metadata(version)) == (
        "raw/products/p.csv",
        version.modified,
        None,
    )


@pytest.mark.parametrize(
    "metadata",
    [{"rows": "2"}, {"rows": "n/a"}, {"source-modified-at": "yesterday"}, {"source-file": "x.csv", "rows": "2"}],
)
def test_a_senders_own_metadata_says_nothing_of_a_file(lakehouse: Lakehouse, metadata: dict[str, str]) -> None:
    content = products_csv(product(1)).encode()
    lakehouse.zone.store.s3.put_object(
        Bucket=lakehouse.settings.bucket, Key="raw/products/p.csv", Body=content, Metadata=metadata
    )
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["products"]) == {"read": 1, "inserted": 1}
    assert outcomes(report) == {"p.csv": "loaded"}


@pytest.mark.parametrize("trouble", [TemporaryOutage, LakehouseError])
def test_trouble_of_this_machine_names_the_upload_that_it_had_it_with(
    lakehouse: Lakehouse, book: Path, monkeypatch: pytest.MonkeyPatch, trouble: type[LakehouseError]
) -> None:
    def fails(*_: object) -> None:
        raise trouble("Reading a workbook was ended by SIGKILL.")

    put(lakehouse, "uploads/book.xlsx", book)
    monkeypatch.setattr(convert, "convert_workbook", fails)
    with pytest.raises(trouble, match=r"uploads/book\.xlsx: Reading a workbook was ended by SIGKILL"):
        lakehouse.convert()
    assert keys(lakehouse, "control/conversions/") == []


def test_a_conversion_cut_short_is_done_again_and_finds_its_own_sheets(
    lakehouse: Lakehouse, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lakehouse, "uploads/book.xlsx", book)
    store = lakehouse.zone.store
    create, created = store.create, []

    def fails_at_the_second(key: str, *rest: Any) -> bool:
        created.append(key)
        if len(created) == 2:
            raise ConnectionResetError
        return create(key, *rest)

    monkeypatch.setattr(store, "create", fails_at_the_second)
    with pytest.raises(ConnectionResetError):
        lakehouse.convert()
    monkeypatch.undo()
    [first] = store.waiting("raw/")

    lakehouse.convert()

    waiting = store.waiting("raw/")
    assert len(waiting) == 3
    assert first in waiting, "the sheet that was there is the same version still"
    report = ran(lakehouse)
    assert (report["datasets"]["orders"]["inserted"], report["datasets"]["products"]["inserted"]) == (3, 1)


def test_a_workbook_uploaded_again_with_the_same_content_is_known_sheet_by_sheet(
    lakehouse: Lakehouse, book: Path
) -> None:
    for name in ("book.xlsx", "book.xlsx", "renamed.xlsx"):
        put(lakehouse, f"uploads/{name}", book)
        report = ran(lakehouse)
    assert outcomes(report) == {
        "renamed.xlsx#Monday": "duplicate",
        "renamed.xlsx#Tuesday": "duplicate",
        "renamed.xlsx#stock": "duplicate",
        "renamed.xlsx#notes": "ignored",
    }
    assert report["datasets"]["orders"] == report["datasets"]["orders"] | {
        "read": 3,
        "unchanged": 3,
        "inserted": 0,
        "updated": 0,
    }


def test_a_corrected_workbook_under_the_same_name_is_a_new_version_and_wins(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    put(lakehouse, "uploads/b.xlsx", workbook(tmp_path / "b.xlsx", {"S": [ORDERS, order(1, amount=10), order(2)]}))
    put(lakehouse, "uploads/b.xlsx", workbook(tmp_path / "b.xlsx", {"S": [ORDERS, order(1, amount=20), order(2)]}))
    report = ran(lakehouse)
    assert report["datasets"]["orders"] == report["datasets"]["orders"] | {"read": 4, "inserted": 2, "duplicates": 2}
    assert table_rows(lakehouse, "orders", "order_id", "total_amount") == [(1, 20.0), (2, 10.5)]


def test_two_workbooks_and_two_sheets_of_one_name_never_share_a_csv(lakehouse: Lakehouse, tmp_path: Path) -> None:
    put(lakehouse, "uploads/a/b.xlsx", workbook(tmp_path / "1.xlsx", {"S": [PRODUCTS, product(1)]}))
    put(
        lakehouse,
        "uploads/b.xlsx",
        workbook(tmp_path / "2.xlsx", {"S": [PRODUCTS, product(2)], "s.": [PRODUCTS, product(3)]}),
    )
    put(lakehouse, "uploads/b.xlsx.csv", products_csv(product(4)))
    ran(lakehouse)
    assert table_rows(lakehouse, "products", "product_id") == [(1,), (2,), (3,), (4,)]


def test_a_workbook_that_lands_after_the_conversion_waits_whole_for_the_next_batch(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    lakehouse.convert()
    put(lakehouse, "uploads/late.xlsx", workbook(tmp_path / "late.xlsx", {"S": [PRODUCTS, product(2)]}))
    batch = lakehouse.freeze("any")
    assert batch is not None
    assert [file.key for file in batch.manifest.files] == ["raw/products/p.csv"]
    ran(lakehouse)
    assert outcomes(ran(lakehouse)) == {"late.xlsx#S": "loaded"}


def test_a_hidden_sheet_is_converted_and_said_to_be_hidden(lakehouse: Lakehouse, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(PRODUCTS)
    book.active.append(product(1))
    book.create_sheet("cover")
    book.active.sheet_state = "hidden"
    book.save(tmp_path / "b.xlsx")
    put(lakehouse, "uploads/b.xlsx", tmp_path / "b.xlsx")
    [record] = lakehouse.convert()
    assert record["sheets"][0]["reason"] == "the sheet is hidden"
    assert record["sheets"][0]["outcome"] == "converted"


def test_gzipped_and_semicolon_separated_csv_is_routed_as_it_is(lakehouse: Lakehouse) -> None:
    put(lakehouse, "uploads/a.csv.gz", gzip.compress(products_csv(product(1)).encode()))
    put(lakehouse, "uploads/b.csv", products_csv(product(2)).replace(",", ";"))
    report = ran(lakehouse)
    assert [file_of(report, name)["outcome"] for name in ("a.csv.gz", "b.csv")] == ["loaded", "loaded"]
    assert table_rows(lakehouse, "products", "product_id", "source_file") == [
        (1, "uploads/a.csv.gz"),
        (2, "uploads/b.csv"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (products_csv(product(1, "Café")).encode("latin-1"), "not UTF-8: byte 0xE9 at offset"),
        (products_csv(product(1)).encode("utf-16"), "UTF-16"),
        (gzip.compress(products_csv(product(1)).encode(), mtime=0)[:20], "its gzip content"),
    ],
    ids=["latin-1", "utf-16", "gzip cut off"],
)
def test_a_csv_that_cannot_be_read_is_set_aside_with_what_is_wrong_with_it(
    lakehouse: Lakehouse, content: bytes, reason: str
) -> None:
    put(lakehouse, "uploads/p.csv", content)
    file = file_of(ran(lakehouse), "p.csv")
    assert file["outcome"] == "quarantined"
    assert str(file["reason"]).startswith("is neither a workbook nor a CSV file that can be read: it ")
    assert reason in str(file["reason"])


def test_an_upload_without_any_usable_sheet_makes_a_batch_of_its_own_and_is_archived(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    put(lakehouse, "uploads/notes.xlsx", workbook(tmp_path / "n.xlsx", {"notes": [["hello"]]}))
    report = ran(lakehouse)
    assert outcomes(report) == {"notes.xlsx#notes": "ignored"}
    assert keys(lakehouse, "uploads/") == []


def test_rows_that_a_sheet_had_but_its_csv_no_longer_has_are_noticed(lakehouse: Lakehouse, book: Path) -> None:
    put(lakehouse, "uploads/book.xlsx", book)
    lakehouse.convert()
    [tampered] = [key for key in keys(lakehouse, "raw/") if "Tuesday" in key]
    head = lakehouse.zone.store.head(tampered)
    assert head is not None
    lakehouse.zone.store.s3.put_object(
        Bucket=lakehouse.settings.bucket, Key=tampered, Body=orders_csv(order(2)).encode(), Metadata=head["Metadata"]
    )
    batch = freeze(lakehouse)
    with pytest.raises(BadData, match=r"uploads/book\.xlsx#Tuesday had 2 rows in its workbook, but 1 were read"):
        batch.load("orders")
    assert keys(lakehouse, "archived/") == []


def test_a_converted_csv_says_its_sheets_place_and_the_order_that_the_upload_was_given_in(
    lakehouse: Lakehouse, book: Path
) -> None:
    given = {"upload-order": "20250401T120000-000002", "other": "x"}
    lakehouse.zone.store.s3.put_object(
        Bucket=lakehouse.settings.bucket, Key="uploads/book.xlsx", Body=book.read_bytes(), Metadata=given
    )
    lakehouse.zone.store.s3.put_object(
        Bucket=lakehouse.settings.bucket, Key="uploads/p.csv", Body=products_csv(product(1)).encode(), Metadata=given
    )
    put(lakehouse, "uploads/q.csv", products_csv(product(2)))
    lakehouse.convert()
    said = {
        version.key.rpartition("/")[2]: lakehouse.zone.store.metadata(version)
        for version in lakehouse.zone.store.waiting("raw/")
    }
    told = {
        name.rpartition("-")[2]: (metadata.get("sheet"), metadata.get("upload-order"))
        for name, metadata in said.items()
    }
    order_given = given["upload-order"]
    assert [told[name] for name in ("Monday.csv", "Tuesday.csv", "stock.csv")] == [
        ("1", order_given),
        ("2", order_given),
        ("3", order_given),
    ]
    assert {both for name, both in told.items() if name not in ("Monday.csv", "Tuesday.csv", "stock.csv")} == {
        (None, None),
        (None, order_given),
    }


def test_every_row_of_a_sheet_is_told_of_also_where_the_sheet_is_not_taken_or_its_header_stands_lower(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    sheets: dict[str, Sequence[Row]] = {
        "titled": [["Stock"], [], PRODUCTS, product(1)],
        "half": [["Stock"], PRODUCTS[:-1], product(2)[:-1], product(3)[:-1]],
        "notes": [["a"], ["b"]],
    }
    put(lakehouse, "uploads/book.xlsx", workbook(tmp_path / "book.xlsx", sheets))
    [record] = lakehouse.convert()
    assert [(sheet["outcome"], sheet["rows"]) for sheet in record["sheets"]] == [
        ("converted", 1),
        ("ignored", 2),
        ("ignored", 2),
    ]
    batch = lakehouse.freeze("any")
    assert batch is not None
    assert [(skipped.name.partition("#")[2], skipped.rows) for skipped in batch.manifest.skipped] == [
        ("half", 2),
        ("notes", 2),
    ]
    [titled] = [file for file in batch.manifest.files if file.dataset == "products"]
    assert titled.warnings == ("the header is in row 3; 2 rows above it were skipped",)
    assert titled.expected_rows == 1
