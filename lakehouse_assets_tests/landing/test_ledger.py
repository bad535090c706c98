import json

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.landing.ledger import SeenContent, enter, seen_content, unknown_to_ledger
from lakehouse_assets.landing.model import Outcome
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets_tests.support import body, file_of, freeze, keys, product, products_csv, put, ran, run

pytestmark = pytest.mark.every_s3


def entry(lakehouse: Lakehouse, file_id: str) -> dict[str, object]:
    return dict(json.loads(body(lakehouse, f"control/ledger/{file_id}.json")))


def test_an_entry_says_which_batch_took_the_version_and_what_became_of_it(lakehouse: Lakehouse) -> None:
    version = put(lakehouse, "raw/products/p.csv", products_csv(product(1), product("x")))
    report = ran(lakehouse)
    [file] = lakehouse.batch(report["batch_id"]).manifest.files
    assert entry(lakehouse, file.file_id) == {
        "file_id": file.file_id,
        "batch_id": report["batch_id"],
        "dataset": "products",
        "key": "raw/products/p.csv",
        "version": version,
        "size": file.size,
        "outcome": "loaded",
        "reason": None,
        "archived_to": f"archived/{report['batch_id']}/{file.file_id[:8]}/raw/products/p.csv",
        "read": 2,
        "rejected": 1,
        "changed": 1,
    }


def test_a_content_that_an_older_version_entered_is_known_and_no_more_is_said_of_it(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    ran(lakehouse)
    [key] = keys(lakehouse, "control/contents/")
    known = json.loads(body(lakehouse, key))
    assert known.pop("accepted") == 1
    lakehouse.zone.store.put_json(key, known)
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    assert file_of(ran(lakehouse), "p.csv")["reason"] == "its content came before"


def test_every_file_of_a_batch_is_entered_whatever_became_of_it(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/a.csv", products_csv(product(1)))
    put(lakehouse, "raw/products/b.csv", products_csv(product(1)))
    put(lakehouse, "raw/products/empty.csv", "")
    put(lakehouse, "raw/products/unusable.csv", "1,2\n")
    put(lakehouse, "uploads/unusable.txt", "hello")
    manifest = lakehouse.batch(ran(lakehouse)["batch_id"]).manifest
    found = {file.key: entry(lakehouse, file.file_id)["outcome"] for file in manifest.files}
    assert found == {
        "raw/products/a.csv": "duplicate",
        "raw/products/b.csv": "loaded",
        "raw/products/empty.csv": "empty",
        "raw/products/unusable.csv": "quarantined",
        "uploads/unusable.txt": "quarantined",
    }


def test_a_version_in_the_ledger_is_not_processed_again_and_new_content_under_its_key_is(lakehouse: Lakehouse) -> None:
    """As after a crash between the entry and the removal of the file by someone's other tool: the version waits still,
    but it was read.
    """
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    batch = freeze(lakehouse)
    [file] = batch.manifest.files
    enter(lakehouse.zone, batch.id, file, {"outcome": "loaded"})
    lakehouse.zone.store.s3.delete_object(Bucket=lakehouse.settings.bucket, Key=lakehouse.zone.open_batch_key)
    assert run(lakehouse) is None
    put(lakehouse, "raw/products/p.csv", products_csv(product(2)))
    report = ran(lakehouse)
    assert (report["datasets"]["products"]["read"], report["datasets"]["products"]["inserted"]) == (1, 1)


def test_what_the_ledger_does_not_know_is_given_in_order(lakehouse: Lakehouse) -> None:
    for number in range(5):
        put(lakehouse, f"raw/products/{number}.csv", products_csv(product(number)))
    versions = lakehouse.zone.store.waiting("raw/")
    for known in (versions[1], versions[3]):
        lakehouse.zone.store.put_json(lakehouse.zone.ledger_key(known.file_id), {})
    assert unknown_to_ledger(lakehouse.zone, versions) == [versions[0], versions[2], versions[4]]


def test_an_entry_is_written_once(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    [file] = freeze(lakehouse).manifest.files
    entered = in_parallel(lambda number: enter(lakehouse.zone, f"batch {number}", file, {}), range(6))
    assert sum(entered) == 1
    assert entry(lakehouse, file.file_id)["batch_id"] == f"batch {entered.index(True)}"


def test_a_content_is_known_per_dataset_by_the_first_file_that_brought_it(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/first.csv", products_csv(product(1)))
    ran(lakehouse)
    put(lakehouse, "raw/products/second.csv", products_csv(product(1)))
    [file] = freeze(lakehouse).manifest.files
    assert file.seen_before
    ran(lakehouse)
    assert seen_content(lakehouse.zone, "products", file.content) == SeenContent("raw/products/first.csv", 1)
    assert seen_content(lakehouse.zone, "orders", file.content) is None


@pytest.mark.parametrize("content", ["", "1,2\n"])
def test_only_content_that_was_loaded_counts_as_seen(lakehouse: Lakehouse, content: str) -> None:
    """A quarantined file may become readable (a contract changes): then its rows must not count as known."""
    put(lakehouse, "raw/products/p.csv", content)
    [file] = lakehouse.batch(ran(lakehouse)["batch_id"]).manifest.files
    assert file.outcome in (Outcome.EMPTY, Outcome.QUARANTINED)
    assert keys(lakehouse, "control/contents/") == []
