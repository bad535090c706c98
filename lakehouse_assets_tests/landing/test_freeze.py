from dataclasses import replace
from typing import Any

import pytest

from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration, BadData
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.freeze import close_batch, freeze
from lakehouse_assets.landing.model import FileVersion, Manifest, Outcome, batch_id_of
from lakehouse_assets.landing.store import Store
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets_tests.support import (
    body,
    csv_text,
    forget_local_copies,
    item,
    items_csv,
    keys,
    next_second,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
)

pytestmark = pytest.mark.every_s3

PRODUCT = products_csv(product(1))


def frozen(lakehouse: Lakehouse) -> Manifest:
    manifest = freeze(lakehouse.zone, "any")
    assert manifest is not None
    return manifest


def control(lakehouse: Lakehouse) -> list[str]:
    return [key.removeprefix("control/") for key in keys(lakehouse, "control/")]


# The manifest


def test_the_manifest_says_all_that_the_load_needs_of_a_file(lakehouse: Lakehouse) -> None:
    version = put(
        lakehouse,
        "raw/order_items/i.csv",
        csv_text(("Order_ID", "ID", "colour"), []).replace(",", ";").replace("\n", "\r\n"),
    )
    sound = put(lakehouse, "raw/products/p.csv", PRODUCT)
    products, items = sorted(frozen(lakehouse).files, key=lambda file: file.dataset or "", reverse=True)
    assert (products.dataset, products.key, products.version.version_id, products.outcome) == (
        "products",
        "raw/products/p.csv",
        sound,
        Outcome.LOAD,
    )
    assert (products.source_file, products.dialect) == (
        "raw/products/p.csv",
        Dialect(
            ("product_id", "department_id", "department", "product_name"), ",", "none", quoted=False, multiline=False
        ),
    )
    assert products.source_modified_at == products.version.modified
    assert (items.version.version_id, items.outcome) == (version, Outcome.QUARANTINED)
    assert (items.dialect.delimiter, items.dialect.header) == (";", ("order_id", "id", "colour"))
    assert (
        items.reason
        == "lacks required columns of order_items: user_id, product_id, add_to_cart_order, reordered, order_timestamp,"
        " date (it has instead: colour) (row 1, the first that is not blank, was taken for the header)"
    )


def test_an_optional_column_that_a_file_lacks_is_a_warning(lakehouse: Lakehouse) -> None:
    [whole] = items_csv(item(1, 1, 1)).splitlines()[1:]
    names = [name for name in lakehouse.contracts["order_items"].names if name != "days_since_prior_order"]
    values = [
        value
        for name, value in zip(lakehouse.contracts["order_items"].names, whole.split(","), strict=True)
        if name in names
    ]
    put(lakehouse, "raw/order_items/i.csv", csv_text(names, [values]))
    [file] = frozen(lakehouse).files
    assert file.warnings == ("columns that the file lacks, whose values in the table stay: days_since_prior_order",)


def test_a_deleted_manifest_is_named_and_is_not_an_outage(lakehouse: Lakehouse) -> None:
    with pytest.raises(
        BadConfiguration, match=r"manifest of batch abc is missing: someone deleted control/manifests/abc\.json"
    ):
        lakehouse.batch("abc")


def test_nothing_waits_nothing_is_frozen_and_nothing_is_written(lakehouse: Lakehouse) -> None:
    assert freeze(lakehouse.zone, "any") is None
    assert freeze(lakehouse.zone, "all") is None
    assert keys(lakehouse, "") == []


# The batch's identity


def test_the_same_files_make_the_same_batch(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    first = frozen(lakehouse)
    for key in keys(lakehouse, "control/"):
        lakehouse.zone.store.s3.delete_object(Bucket=lakehouse.settings.bucket, Key=key)
    again = frozen(lakehouse)
    assert again.batch_id == first.batch_id
    assert again.files == first.files


def test_another_version_another_name_and_one_more_file_make_another_batch(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    versions = lakehouse.zone.store.waiting("raw/")
    changed = [replace(versions[0], version_id="other"), *versions[1:]]
    renamed = [replace(versions[0], key="raw/products/other.csv"), *versions[1:]]
    ids = [batch_id_of(each) for each in (versions, changed, renamed, versions[1:])]
    assert len(set(ids)) == 4
    assert batch_id_of(versions[::-1]) == ids[0]


def test_without_versions_content_and_time_are_the_identity(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/a.csv", b"a")
    [version] = lakehouse.zone.store.waiting("raw/")
    null = replace(version, version_id="null")
    later = replace(null, modified=null.modified.replace(year=2030))
    assert null.file_id != replace(null, etag="other").file_id
    assert null.file_id != later.file_id
    assert version.file_id == replace(version, etag="other").file_id


# What lands meanwhile


def test_a_file_that_lands_after_the_freeze_waits_for_the_next_batch(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/a.csv", PRODUCT)
    first = frozen(lakehouse)
    put(lakehouse, "raw/products/b.csv", products_csv(product(2)))
    assert frozen(lakehouse) == first
    assert [file["name"] for file in ran(lakehouse)["files"]] == ["a.csv"]
    assert keys(lakehouse, "raw/") == ["raw/products/b.csv"]
    assert [file["name"] for file in ran(lakehouse)["files"]] == ["b.csv"]


def test_two_freezes_at_once_make_one_batch(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    manifests = in_parallel(lambda _: freeze(lakehouse.zone, "any"), range(4))
    assert len({manifest.batch_id for manifest in manifests if manifest}) == 1
    assert None not in manifests
    assert len([key for key in control(lakehouse) if key.startswith("manifests/")]) == 1


def test_two_freezes_that_saw_different_files_go_on_with_one_batch(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run freezes one file more between this one's look at what waits and its write."""
    put(lakehouse, "raw/products/a.csv", PRODUCT)
    zone, late = lakehouse.zone, []
    other = replace(zone, store=Store(zone.store.s3, zone.store.bucket))
    waiting = zone.store.waiting

    def seen_then_overtaken(prefix: str) -> list[FileVersion]:
        found = waiting(prefix)
        if prefix == "raw/":
            put(lakehouse, "raw/products/b.csv", products_csv(product(2)))
            late.append(freeze(other, "any"))
        return found

    monkeypatch.setattr(zone.store, "waiting", seen_then_overtaken)
    manifest = freeze(zone, "any")
    [overtaker] = late
    assert overtaker is not None
    assert len(overtaker.files) == 2
    assert manifest == overtaker


def test_a_crash_between_manifest_and_pointer_leaves_the_batch_to_be_taken_up(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    first = frozen(lakehouse)
    lakehouse.zone.store.s3.delete_object(Bucket=lakehouse.settings.bucket, Key=lakehouse.zone.open_batch_key)
    assert frozen(lakehouse) == first


def test_a_file_that_vanishes_while_it_is_looked_at_is_named_and_the_next_try_goes_on_without_it(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lakehouse, "raw/products/a.csv", PRODUCT)
    put(lakehouse, "raw/products/b.csv", products_csv(product(2)))
    store = lakehouse.zone.store
    waiting = store.waiting

    def seen_then_deleted(prefix: str) -> list[FileVersion]:
        found = waiting(prefix)
        for version in found:
            if version.key.endswith("a.csv"):
                store.s3.delete_object(Bucket=version.bucket, Key=version.key, VersionId=version.version_id)
        return found

    monkeypatch.setattr(store, "waiting", seen_then_deleted)
    with pytest.raises(BadData, match=r"raw/products/a\.csv .* was deleted or overwritten before it was read"):
        lakehouse.freeze("any")
    assert [file.key for file in frozen(lakehouse).files] == ["raw/products/b.csv"]


# The gate


def test_the_gate_all_waits_for_a_file_of_each_dataset(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", PRODUCT)
    assert freeze(lakehouse.zone, "all") is None
    assert keys(lakehouse, "control/") == []
    put_one_of_each(lakehouse)
    manifest = freeze(lakehouse.zone, "all")
    assert manifest is not None
    assert {file.dataset for file in manifest.files} == {"products", "orders", "order_items"}


def test_the_gate_counts_only_files_that_no_batch_took(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse, "all")
    put(lakehouse, "raw/products/more.csv", products_csv(product(2)))
    assert lakehouse.freeze("all") is None
    assert lakehouse.freeze() is None, "the setting's default is all"
    assert lakehouse.freeze("any") is not None


def test_the_gate_does_not_hold_back_a_batch_under_way(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", PRODUCT)
    assert freeze(lakehouse.zone, "all") is None
    under_way = frozen(lakehouse)
    assert freeze(lakehouse.zone, "all") == under_way


# Repeats within a batch


def test_of_one_content_in_one_batch_the_latest_is_loaded_whatever_its_name(lakehouse: Lakehouse) -> None:
    for name in ("c", "a", "b"):
        next_second()
        put(lakehouse, f"raw/products/{name}.csv", PRODUCT)
    told = {file.source_file[-5:]: (file.outcome, file.reason) for file in frozen(lakehouse).files}
    same = (Outcome.DUPLICATE, "the same content as raw/products/b.csv")
    assert told == {"c.csv": same, "a.csv": same, "b.csv": (Outcome.LOAD, None)}


@pytest.mark.parametrize("content", ["", "1,2\n"])
def test_empty_and_unusable_files_are_no_repeats_of_each_other(lakehouse: Lakehouse, content: str) -> None:
    for name in "ab":
        put(lakehouse, f"raw/products/{name}.csv", content)
    assert {file.outcome for file in frozen(lakehouse).files} == {Outcome.QUARANTINED if content else Outcome.EMPTY}


# The end of a batch


def test_closing_takes_the_pointer_and_the_local_copies(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    manifest = frozen(lakehouse)
    assert list((lakehouse.zone.scratch / "files").iterdir())
    close_batch(lakehouse.zone, "another batch")
    assert lakehouse.open_batch() == Batch(lakehouse, manifest)
    close_batch(lakehouse.zone, manifest.batch_id)
    assert lakehouse.open_batch() is None
    assert not (lakehouse.zone.scratch / "files").exists()


def test_where_another_machine_loads_no_copy_stays(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    batch = lakehouse.freeze("any", keep_copies=False)
    assert batch is not None
    assert {file.outcome for file in batch.manifest.files} == {Outcome.LOAD}
    assert list((lakehouse.zone.scratch / "files").iterdir()) == []
    assert {counts["inserted"] for counts in ran(lakehouse)["datasets"].values()} == {1}


def test_another_machine_reads_the_files_of_the_manifest_anew(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", PRODUCT)
    manifest = frozen(lakehouse)
    put(lakehouse, "raw/products/p.csv", products_csv(product(2)))
    forget_local_copies(lakehouse)
    [file] = manifest.files
    copy = lakehouse.zone.local_copy(file.version)
    assert copy.read_text() == PRODUCT


def test_strays_are_reported_and_left_alone(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", PRODUCT)
    for key in ("raw/lost.csv", "raw/returned/r.csv", "raw/Products/p.csv"):
        put(lakehouse, key, PRODUCT)
    skipped: dict[str, Any] = {each.name: (each.outcome, each.reason) for each in frozen(lakehouse).skipped}
    assert set(skipped) == {"raw/lost.csv", "raw/returned/r.csv", "raw/Products/p.csv"}
    assert {outcome for outcome, _ in skipped.values()} == {Outcome.IGNORED}
    assert "raw/products/" in skipped["raw/lost.csv"][1]
    assert body(lakehouse, "raw/lost.csv").decode() == PRODUCT
