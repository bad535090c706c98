"""Whole batches one after the other, as files come in: what is new, what is known, what waits."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadData, TemporaryOutage
from lakehouse_assets.etl.report import NOTHING_TO_DO
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets_tests.support import (
    archived,
    body,
    file_of,
    forget_local_copies,
    freeze,
    item,
    items_csv,
    keys,
    load_all,
    nonzero,
    order,
    orders_csv,
    outcomes,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
    rejects,
    run,
    table_rows,
)

A, B = products_csv(product(1, "A"), product(2, "A")), products_csv(product(1, "B"), product(2, "B"))


def names(lakehouse: Lakehouse) -> list[tuple[object, ...]]:
    return table_rows(lakehouse, "products", "product_id", "product_name")


# The same content, new content


@pytest.mark.parametrize("name", ["p.csv", "other.csv"])
def test_the_same_content_again_is_a_duplicate_and_changes_no_value(lakehouse: Lakehouse, name: str) -> None:
    """The rows are those of the file that said them last."""
    put(lakehouse, "raw/products/p.csv", A)
    ran(lakehouse)
    before = table_rows(lakehouse, "products")
    put(lakehouse, f"raw/products/{name}", A)
    report = ran(lakehouse)
    file = file_of(report, name)
    assert (file["outcome"], file["reason"], file["read"]) == ("duplicate", "its content was loaded before", 2)
    assert nonzero(report["datasets"]["products"]) == {"read": 2, "unchanged": 2}
    assert table_rows(lakehouse, "products") == before
    assert (
        table_rows(lakehouse, "products", "batch_id", "source_file")
        == [(report["batch_id"], f"raw/products/{name}")] * 2
    )
    assert len(keys(lakehouse, "archived/")) == 2


def test_the_same_content_twice_in_one_batch_is_loaded_once(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/a.csv", A)
    put(lakehouse, "raw/products/b.csv", A)
    report = ran(lakehouse)
    assert outcomes(report) == {"a.csv": "duplicate", "b.csv": "loaded"}
    assert file_of(report, "a.csv")["reason"] == "the same content as raw/products/b.csv"
    assert nonzero(report["datasets"]["products"]) == {"read": 2, "inserted": 2}
    assert len(archived(lakehouse)) == 2


def test_a_name_that_ends_like_a_folders_is_a_file_if_it_has_content(lakehouse: Lakehouse) -> None:
    """S3's console shows a folder by an empty object of such a name. Some copying programs write content under one."""
    put(lakehouse, "raw/products/", "")
    put(lakehouse, "raw/products/folder/", "")
    put(lakehouse, "raw/products/file/", A)
    report = ran(lakehouse)
    assert outcomes(report) == {"file/": "loaded"}
    assert names(lakehouse) == [(1, "A"), (2, "A")]
    assert keys(lakehouse, "raw/") == ["raw/products/", "raw/products/folder/"]
    assert list(archived(lakehouse).values()) == [A.encode()]


def test_new_content_under_a_known_name_is_a_correction(lakehouse: Lakehouse) -> None:
    for content in (A, B):
        put(lakehouse, "raw/products/p.csv", content)
        report = ran(lakehouse)
    assert nonzero(report["datasets"]["products"]) == {"read": 2, "updated": 2}
    assert names(lakehouse) == [(1, "B"), (2, "B")]


def test_a_then_b_then_a_again_restores_a(lakehouse: Lakehouse) -> None:
    for content in (A, B, A):
        put(lakehouse, "raw/products/p.csv", content)
        report = ran(lakehouse)
    assert outcomes(report) == {"p.csv": "loaded"}
    assert nonzero(report["datasets"]["products"]) == {"read": 2, "updated": 2}
    assert names(lakehouse) == [(1, "A"), (2, "A")]


def test_a_then_b_then_a_again_before_any_batch_ends_with_a(lakehouse: Lakehouse) -> None:
    for content in (A, B, A):
        put(lakehouse, "raw/products/p.csv", content)
    report = ran(lakehouse)
    assert sorted(file["outcome"] for file in report["files"]) == ["duplicate", "loaded", "loaded"]
    assert names(lakehouse) == [(1, "A"), (2, "A")]
    assert nonzero(report["datasets"]["products"]) == {"read": 4, "inserted": 2, "duplicates": 2}


def test_a_file_that_was_only_partly_superseded_and_comes_again_changes_only_those_rows(lakehouse: Lakehouse) -> None:
    for content in (A, products_csv(product(2, "B")), A):
        put(lakehouse, "raw/products/p.csv", content)
        report = ran(lakehouse)
    assert nonzero(report["datasets"]["products"]) == {"read": 2, "updated": 1, "unchanged": 1}
    assert names(lakehouse) == [(1, "A"), (2, "A")]


def test_content_with_rejected_rows_again_does_not_double_the_rejects(lakehouse: Lakehouse) -> None:
    dirty = products_csv(product(1), product("x"), product("y"))
    for name in ("p.csv", "p.csv", "q.csv"):
        put(lakehouse, f"raw/products/{name}", dirty)
        report = ran(lakehouse)
        assert file_of(report, name)["rejected"] == 2
    assert outcomes(report) == {"q.csv": "duplicate"}
    assert [(record["row_number"], record["raw"]["product_id"]) for record in rejects(lakehouse, "products")] == [
        (2, "x"),
        (3, "y"),
    ]


def test_content_of_which_every_row_was_rejected_is_not_said_to_have_been_loaded(lakehouse: Lakehouse) -> None:
    """Corrected rules, or another limit, may let its rows in later; from then on it was loaded before."""
    tolerant = Lakehouse(lakehouse.settings.model_copy(update={"reject_limit": 1}), lakehouse.aws)
    spoiled = items_csv(item(1, 1, 1))
    for _ in range(2):
        put(lakehouse, "raw/order_items/i.csv", spoiled)
        report = ran(tolerant)
    assert file_of(report, "i.csv")["reason"] == "its content came before; all its rows were rejected then"
    put_one_of_each(lakehouse)
    ran(tolerant)
    put(lakehouse, "raw/order_items/i.csv", spoiled)
    assert file_of(ran(tolerant), "i.csv")["reason"] == "its content was loaded before"


def test_new_content_with_the_same_bad_row_is_a_reject_of_its_own(lakehouse: Lakehouse) -> None:
    for rows in ([product(1), product("x")], [product(2), product("x")]):
        put(lakehouse, "raw/products/p.csv", products_csv(*rows))
        ran(lakehouse)
    assert len(rejects(lakehouse, "products")) == 2


# Versions and withdrawal


def test_an_object_overwritten_before_the_batch_is_loaded_in_both_versions_and_the_later_wins(
    lakehouse: Lakehouse,
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1, "old"), product(2, "only in the old")))
    put(lakehouse, "raw/products/p.csv", products_csv(product(1, "new")))
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["products"]) == {"read": 3, "inserted": 2, "duplicates": 1}
    assert names(lakehouse) == [(1, "new"), (2, "only in the old")]
    assert len(keys(lakehouse, "archived/")) == 2


def test_an_object_overwritten_after_the_freeze_is_read_and_archived_as_it_was_and_the_new_one_waits(
    lakehouse: Lakehouse,
) -> None:
    put(lakehouse, "raw/products/p.csv", A)
    batch = freeze(lakehouse)
    newer = put(lakehouse, "raw/products/p.csv", B)
    forget_local_copies(lakehouse)
    load_all(batch)
    assert names(lakehouse) == [(1, "A"), (2, "A")]
    forget_local_copies(lakehouse)
    assert outcomes(ran(lakehouse)) == {"p.csv": "loaded"}
    assert archived(lakehouse) == {"raw/products/p.csv": A.encode()}
    assert [version.version_id for version in lakehouse.zone.store.waiting("raw/")] == [newer]
    ran(lakehouse)
    assert names(lakehouse) == [(1, "B"), (2, "B")]


def test_a_withdrawn_file_is_not_loaded(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", A)
    put(lakehouse, "raw/products/gone.csv", products_csv(product(9)))
    lakehouse.zone.store.s3.delete_object(Bucket=lakehouse.settings.bucket, Key="raw/products/gone.csv")
    assert outcomes(ran(lakehouse)) == {"p.csv": "loaded"}
    assert names(lakehouse) == [(1, "A"), (2, "A")]
    assert run(lakehouse) is None


def test_a_withdrawn_workbook_that_was_not_converted_is_left_out(lakehouse: Lakehouse) -> None:
    put(lakehouse, "uploads/b.csv", B)
    lakehouse.zone.store.s3.delete_object(Bucket=lakehouse.settings.bucket, Key="uploads/b.csv")
    assert run(lakehouse) is None


# A batch and the next


def test_a_batch_is_gone_through_once_and_then_nothing_waits(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    report = ran(lakehouse)
    assert (report["status"], report["error"]) == ("succeeded", None)
    assert outcomes(report) == {"p.csv": "loaded", "o.csv": "loaded", "i.csv": "loaded"}
    assert run(lakehouse) is None
    assert lakehouse.open_batch() is None


def test_the_tables_rows_say_batch_file_and_time(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    [modified] = [version.modified for version in lakehouse.zone.store.waiting("raw/products/")]
    batch_id = ran(lakehouse)["batch_id"]
    assert table_rows(lakehouse, "products", "batch_id", "source_file", "source_modified_at") == [
        (batch_id, "raw/products/p.csv", modified)
    ]


def test_a_late_parent_heals_its_orphan_in_whichever_later_batch(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 1, 2)))
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["order_items"]) == {"read": 2, "rejected": 2}
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    healing = ran(lakehouse)
    assert nonzero(healing["datasets"]["order_items"]) == {"retried": 2, "inserted": 1, "rejected": 1}
    assert healing["healed"] == {"order_items": 1}
    told = {
        record["raw"]["id"]: (record["healed_by"], record["waiting"], record["reasons"])
        for record in rejects(lakehouse, "order_items")
    }
    missing = ["order_id: no such orders.order_id", "product_id: no such products.product_id"]
    assert told == {"1": (healing["batch_id"], False, missing), "2": (None, True, missing[1:])}
    assert table_rows(lakehouse, "order_items", "id", "source_file") == [(1, "raw/order_items/i.csv")]


def test_the_history_has_every_batch_in_order(lakehouse: Lakehouse) -> None:
    ids = []
    for content in (A, B, A):
        put(lakehouse, "raw/products/p.csv", content)
        ids.append(ran(lakehouse)["batch_id"])
    history = lakehouse.reports.all()
    assert [report["batch_id"] for report in history] == ids
    assert len(set(ids)) == 3
    assert [outcomes(report) for report in history] == [{"p.csv": "loaded"}] * 3


def test_of_two_runs_of_one_batch_at_once_one_goes_through_and_nothing_doubles(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """As from two machines: each has a scratch folder of its own. The other stops with a clear error, or comes too late
    and finds nothing to do.
    """
    elsewhere = Lakehouse(lakehouse.settings.model_copy(update={"home": tmp_path}), lakehouse.aws)
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product("x")))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 9, 1)))
    together = Barrier(2)

    def outcome(house: Lakehouse) -> str:
        together.wait()
        try:
            return str((run(house) or NOTHING_TO_DO)["status"])
        except TemporaryOutage as outage:
            return str(outage)

    ended = in_parallel(outcome, [lakehouse, elsewhere])
    assert "succeeded_with_rejects" in ended
    told = ("succeeded_with_rejects", "nothing_to_do", "at the same time", "another writer committed")
    assert [each for each in ended if not any(words in each for words in told)] == []
    assert run(lakehouse) is None
    assert names(lakehouse) == [(1, "Atlas")]
    assert [len(rejects(lakehouse, dataset)) for dataset in ("products", "order_items")] == [1, 1]
    assert len(archived(lakehouse)) == 2


def test_another_layout_of_the_bucket_is_a_matter_of_settings(lakehouse: Lakehouse) -> None:
    prefixes = {
        "raw_prefix": "lakehouse/raw/",
        "uploads_prefix": "in/",
        "tables_prefix": "lakehouse/processed/",
        "archive_prefix": "lakehouse/archived/",
    }
    other = Lakehouse(lakehouse.settings.model_copy(update=prefixes), lakehouse.aws)
    put(other, "lakehouse/raw/products/sub/p.csv", A)
    put(other, "in/o.csv", orders_csv(order(1)))
    put(other, "raw/products/not_here.csv", B)
    report = ran(other)
    assert outcomes(report) == {"sub/p.csv": "loaded", "o.csv": "loaded"}
    assert names(other) == [(1, "A"), (2, "A")]
    assert {key.split("/")[1] for key in keys(other, "lakehouse/")} == {"archived", "processed"}
    assert keys(other, "raw/") == ["raw/products/not_here.csv"]


# A bucket without versions


def test_a_bucket_without_versions_works_too(unversioned: Lakehouse) -> None:
    for content in (A, B, A):
        put(unversioned, "raw/products/p.csv", content)
        report = ran(unversioned)
        assert nonzero(report["datasets"]["products"]) in ({"read": 2, "inserted": 2}, {"read": 2, "updated": 2})
    assert names(unversioned) == [(1, "A"), (2, "A")]
    assert len(keys(unversioned, "archived/")) == 3
    assert keys(unversioned, "raw/") == []
    put(unversioned, "raw/products/q.csv", A)
    assert outcomes(ran(unversioned)) == {"q.csv": "duplicate"}
    assert run(unversioned) is None


def test_without_versions_what_overwrites_a_frozen_file_is_kept(unversioned: Lakehouse) -> None:
    """The frozen bytes are gone from the bucket; the batch says so, and ends once they are put back."""
    put(unversioned, "raw/products/p.csv", A)
    freeze(unversioned)
    put(unversioned, "raw/products/p.csv", B)
    with pytest.raises(BadData, match="deleted or overwritten"):
        run(unversioned)
    assert body(unversioned, "raw/products/p.csv") == B.encode()
    put(unversioned, "raw/products/p.csv", A)
    assert outcomes(ran(unversioned)) == {"p.csv": "loaded"}
    put(unversioned, "raw/products/p.csv", B)
    ran(unversioned)
    assert names(unversioned) == [(1, "B"), (2, "B")]
