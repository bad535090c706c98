import json
from typing import Any

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration, BadData
from lakehouse_assets.landing.archive import archive
from lakehouse_assets_tests.support import (
    ClientWith,
    archived,
    body,
    freeze,
    keys,
    load_all,
    outcomes,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
    table_rows,
)

pytestmark = pytest.mark.every_s3

PRODUCT = products_csv(product(1))


def test_what_was_read_is_archived_byte_by_byte_under_its_batch_and_version(lakehouse: Lakehouse) -> None:
    contents = {f"raw/products/{number}.csv": products_csv(product(number)).encode() for number in range(20)}
    for key, content in contents.items():
        put(lakehouse, key, content)
    report = ran(lakehouse)
    assert archived(lakehouse) == contents
    assert all(key.startswith(f"archived/{report['batch_id']}/") for key in keys(lakehouse, "archived/"))
    assert keys(lakehouse, "raw/") == []


def test_two_versions_of_one_name_do_not_overwrite_each_other(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", PRODUCT)
    put(lakehouse, "raw/products/p.csv", products_csv(product(2)))
    ran(lakehouse)
    assert {body(lakehouse, key) for key in keys(lakehouse, "archived/")} == {
        PRODUCT.encode(),
        products_csv(product(2)).encode(),
    }


def test_a_name_that_leaves_no_room_for_the_archives_folder_is_archived_under_its_end(lakehouse: Lakehouse) -> None:
    """S3 takes keys of 1,024 bytes; the letters before the end have two each, so that a cut by bytes goes through one
    of them.
    """
    long = "ö" * 500
    good, broken = f"raw/products/{long}a.csv", f"raw/products/{long}bb.csv"
    put(lakehouse, good, PRODUCT)
    put(lakehouse, broken, "nothing that has a header of products\n")
    report = ran(lakehouse)
    assert outcomes(report) == {f"{long}a.csv": "loaded", f"{long}bb.csv": "quarantined"}
    assert table_rows(lakehouse, "products", "source_file") == [(good,)], "what people see has the whole name"
    [kept], aside = keys(lakehouse, "archived/"), keys(lakehouse, "rejected/files/")
    assert (body(lakehouse, kept), kept.endswith("öa.csv"), len(kept.encode()) in (1011, 1012)) == (
        PRODUCT.encode(),
        True,
        True,
    )
    assert [key.rpartition("bb.csv")[2] for key in aside] == ["", ".reason.json"]
    assert json.loads(body(lakehouse, aside[1]))["file"] == broken
    assert keys(lakehouse, "raw/") == []


def test_nothing_is_archived_of_which_no_load_says_that_it_was_read(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    batch = freeze(lakehouse)
    batch.load("products")
    batch.load("orders")
    with pytest.raises(BadData, match=r"No load has read raw/order_items/i\.csv; nothing was archived"):
        batch.archive()
    assert len(keys(lakehouse, "raw/")) == 3
    assert keys(lakehouse, "archived/") == keys(lakehouse, "control/ledger/") == []


def test_a_load_result_whose_merge_did_not_end_is_no_evidence(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", PRODUCT)
    batch = freeze(lakehouse)
    load_all(batch)
    key = lakehouse.zone.load_result_key(batch.id, "products")
    lakehouse.zone.store.put_json(key, json.loads(body(lakehouse, key)) | {"merged": False})
    with pytest.raises(BadData, match="No load has read"):
        batch.archive()


def test_a_file_set_aside_has_its_reason_beside_it(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/bad.csv", "1,2\n")
    report = ran(lakehouse)
    [file, reason] = sorted(keys(lakehouse, "rejected/files/"), key=len)
    assert file.startswith(f"rejected/files/{report['batch_id']}/")
    assert reason == f"{file}.reason.json"
    assert json.loads(body(lakehouse, reason)) == {
        "file": "raw/products/bad.csv",
        "reason": (
            "has no header: its first line holds none of the columns of products (product_id, department_id,"
            " department, product_name) (row 1, the first that is not blank, was taken for the header)"
        ),
        "batch_id": report["batch_id"],
    }
    assert keys(lakehouse, "archived/") == []


def test_dots_that_lead_out_of_the_folder_are_replaced(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/../../../../up.csv", PRODUCT)
    ran(lakehouse)
    [key] = keys(lakehouse, "archived/")
    assert ".." not in key
    assert key.endswith("/up.csv")
    assert table_rows(lakehouse, "products", "source_file") == [("raw/products/../../../../up.csv",)]


def test_archiving_again_changes_nothing(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    batch = freeze(lakehouse)
    load_all(batch)
    moved = batch.archive()
    newer = put(lakehouse, "raw/products/p.csv", products_csv(product(9)))
    before = archived(lakehouse)
    assert batch.archive() == moved
    assert archived(lakehouse) == before
    assert [version.version_id for version in lakehouse.zone.store.waiting("raw/")] == [newer]


def test_a_copy_that_fails_verification_deletes_nothing_and_the_next_try_ends_it(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    batch = freeze(lakehouse)
    load_all(batch)
    store = lakehouse.zone.store

    def cut_off(source: Any, bucket: str, key: str, **_: Any) -> None:
        store.s3.put_object(Bucket=bucket, Key=key, Body=b"half")

    with monkeypatch.context() as broken:
        broken.setattr(store, "s3", ClientWith(store.s3, copy=cut_off))
        with pytest.raises(BadData, match=r"does not have the .* bytes of the original; nothing was deleted"):
            batch.archive()
    assert len(keys(lakehouse, "raw/")) == 3
    batch.archive()
    assert archived(lakehouse)["raw/products/p.csv"] == PRODUCT.encode()
    assert keys(lakehouse, "raw/") == []


def test_a_copy_that_is_refused_is_said_so_and_deletes_nothing(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lakehouse, "raw/products/p.csv", PRODUCT)
    batch = freeze(lakehouse)
    load_all(batch)
    store = lakehouse.zone.store
    client = store.s3
    monkeypatch.setattr(
        store,
        "s3",
        ClientWith(client, copy=lambda source, bucket, key, **_: client.copy(source, "no-such-bucket-anywhere", key)),
    )
    with pytest.raises(BadConfiguration, match="Archiving: AWS refused it with NoSuchBucket"):
        batch.archive()
    assert keys(lakehouse, "raw/") == ["raw/products/p.csv"]


def test_each_file_is_in_the_ledger_before_it_leaves(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lakehouse, "raw/products/p.csv", PRODUCT)
    batch = freeze(lakehouse)
    load_all(batch)
    store, known = lakehouse.zone.store, []

    def look(**request: Any) -> Any:
        known.append(store.exists(lakehouse.zone.ledger_key(batch.manifest.files[0].file_id)))
        return client.delete_object(**request)

    client = store.s3
    monkeypatch.setattr(store, "s3", ClientWith(client, delete_object=look))
    archive(lakehouse.zone, batch.manifest, {batch.manifest.files[0].file_id: {"read": 1, "rejected": 0}})
    assert known == [True]
