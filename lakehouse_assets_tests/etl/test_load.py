"""The order of a load's steps, and what it refuses. What becomes of single values and rows is the engines' tests'
business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import BadData, TemporaryOutage
from lakehouse_assets.etl.engines.base import DatasetLoad, Engine, LoadResult, Maintained, Tables, Written
from lakehouse_assets_tests.support import (
    archived,
    delta_versions,
    forget_local_copies,
    freeze,
    item,
    items_csv,
    keys,
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

Change = Callable[[Any], Any]


class ChangedLoad:
    """The load of the real engine, with the answers of some steps changed."""

    def __init__(self, load: DatasetLoad, changes: dict[str, Change]) -> None:
        self._load, self._changes = load, changes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._load, name)
        change = self._changes.get(name)
        return found if change is None else lambda *given: change(found(*given))


@dataclass(frozen=True)
class ChangedEngine:
    engine: Engine
    changes: dict[str, Change]
    name: str = "embedded"
    reads_from_bucket: bool = False

    @contextmanager
    def dataset_load(
        self, contract: Contract, tables: Tables, batch_id: str, abandoned: Sequence[str] = ()
    ) -> Iterator[DatasetLoad]:
        with self.engine.dataset_load(contract, tables, batch_id, abandoned) as load:
            yield ChangedLoad(load, self.changes)

    def plan_faults(self, contract: Contract, *, rules_only: bool = False) -> list[str]:
        return self.engine.plan_faults(contract, rules_only=rules_only)

    def maintain(self, contract: Contract, tables: Tables, retain_hours: int) -> list[Maintained]:
        return self.engine.maintain(contract, tables, retain_hours)


def with_engine_that(lakehouse: Lakehouse, **changes: Change) -> Lakehouse:
    """The same lakehouse, with the answers of its engine's steps changed."""
    changed = Lakehouse(lakehouse.settings, lakehouse.aws)
    changed.__dict__["engine"] = ChangedEngine(lakehouse.engine, changes)
    return changed


def with_reject_limit(lakehouse: Lakehouse, limit: float) -> Lakehouse:
    return Lakehouse(lakehouse.settings.model_copy(update={"reject_limit": limit}), lakehouse.aws)


def one_row_nowhere(load_result: LoadResult) -> LoadResult:
    """Of the rows read, one got no verdict."""
    return replace(load_result, counts=replace(load_result.counts, inserted=load_result.counts.inserted - 1))


def one_row_lost(load_result: LoadResult) -> LoadResult:
    """Totals that add up, of which the files know one row less."""
    files = {file_id: replace(counts, read=counts.read - 1) for file_id, counts in load_result.files.items()}
    return replace(load_result, files=files)


def one_fewer_inserted(written: Written | None) -> Written | None:
    return replace(written, inserted=written.inserted - 1) if written and written.inserted else written


# Conservation


@pytest.mark.parametrize("miscount", [one_row_nowhere, one_row_lost])
def test_rows_that_are_unaccounted_for_stop_the_batch_before_anything_is_merged_or_archived(
    lakehouse: Lakehouse, miscount: Change
) -> None:
    put_one_of_each(lakehouse)
    with pytest.raises(BadData, match=r"products: rows are unaccounted for|orders: rows are unaccounted for"):
        run(with_engine_that(lakehouse, decide=miscount))
    assert set(delta_versions(lakehouse).values()) == {0}
    assert keys(lakehouse, "archived/") == keys(lakehouse, "control/ledger/") == []
    assert len(keys(lakehouse, "raw/")) == 3
    batch = lakehouse.open_batch()
    assert batch is not None
    report = batch.report()
    assert report is not None
    assert (report["status"], report["batch_id"]) == ("failed", batch.id)
    assert "rows are unaccounted for" in str(report["error"])


def test_the_batch_goes_on_once_the_engine_counts_right(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    with pytest.raises(BadData, match="unaccounted"):
        run(with_engine_that(lakehouse, decide=one_row_nowhere))
    assert {counts["inserted"] for counts in ran(lakehouse)["datasets"].values()} == {1}
    assert len(archived(lakehouse)) == 3


def test_a_commit_that_says_other_figures_than_were_decided_fails_the_batch_now_and_when_it_is_tried_again(
    lakehouse: Lakehouse,
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2)))
    with pytest.raises(BadData, match="products: 2 inserts and 0 updates were decided, but the commit says 1 and 0"):
        run(with_engine_that(lakehouse, merge=one_fewer_inserted))
    with pytest.raises(BadData, match="products: 2 inserts and 0 updates were decided, but the commit says 1 and 0"):
        run(lakehouse)
    assert keys(lakehouse, "archived/") == []


# A load done again


def test_a_load_that_has_ended_is_not_done_again(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    batch = freeze(lakehouse)
    first = {dataset: batch.load(dataset) for dataset in lakehouse.contracts}
    versions = delta_versions(lakehouse)
    forget_local_copies(lakehouse)
    lakehouse.zone.store.s3.delete_object(
        Bucket=lakehouse.settings.bucket,
        Key="raw/products/p.csv",
        VersionId=batch.manifest.to_load("products")[0].version.version_id,
    )
    assert {dataset: batch.load(dataset) for dataset in lakehouse.contracts} == first
    assert delta_versions(lakehouse) == versions


def test_what_was_decided_before_the_merge_stands_when_the_load_is_done_again_after_it(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1), order("x")))
    batch = freeze(lakehouse)
    first = batch.load("orders")
    versions = delta_versions(lakehouse)
    key = lakehouse.zone.load_result_key(batch.id, "orders")
    recorded = lakehouse.zone.store.get_json(key)
    assert recorded is not None
    lakehouse.zone.store.put_json(key, {**recorded, "merged": False})
    assert batch.load("orders") == first
    assert (first.counts.inserted, first.counts.unchanged, first.counts.rejected) == (1, 0, 1)
    assert delta_versions(lakehouse) == versions


def test_a_run_that_another_overtook_stops_and_leaves_that_ones_load_result(lakehouse: Lakehouse) -> None:
    """Without a lease: the other one reads, judges and merges all of it before this one writes its load result down."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product("x")))
    batch = freeze(lakehouse)

    def overtaken(load_result: LoadResult) -> LoadResult:
        batch.load("products")
        return load_result

    with pytest.raises(TemporaryOutage, match=r"another run loads batch .* Run the batch again"):
        with_engine_that(lakehouse, decide=overtaken).batch(batch.id).load("products")
    assert nonzero(vars(batch.load_results()["products"].counts)) == {"read": 2, "inserted": 1, "rejected": 1}
    assert nonzero(ran(lakehouse)["datasets"]["products"]) == {"read": 2, "inserted": 1, "rejected": 1}
    assert len(rejects(lakehouse, "products")) == 1


def test_a_batch_without_a_file_of_a_dataset_writes_nothing_there(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["orders"]) == {}
    assert {
        uri.rsplit("/", 2)[1:][1]: version for uri, version in delta_versions(lakehouse).items() if "dwh" in uri
    } == {
        "products": 1,
        "orders": 0,
        "order_items": 0,
    }


# The reject limit


def test_above_the_limit_nothing_is_merged_and_the_rejects_are_there(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2), product("x")))
    with pytest.raises(
        BadData,
        match=r"products: 1 of 3 rows are rejected, above the limit of 30%.*lakehouse rejects.*LAKEHOUSE_REJECT_LIMIT",
    ):
        run(with_reject_limit(lakehouse, 0.3))
    assert table_rows(lakehouse, "products") == []
    assert [record["raw"]["product_id"] for record in rejects(lakehouse, "products")] == ["x"]
    assert keys(lakehouse, "archived/") == []
    assert lakehouse.open_batch() is not None


def test_raising_the_limit_goes_on_with_the_batch_without_doubled_rejects(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2), product("x")))
    for _ in range(2):
        with pytest.raises(BadData, match="above the limit"):
            run(with_reject_limit(lakehouse, 0.3))
    report = ran(with_reject_limit(lakehouse, 0.5))
    assert nonzero(report["datasets"]["products"]) == {"read": 3, "inserted": 2, "rejected": 1}
    assert len(rejects(lakehouse, "products")) == 1
    assert report["status"] == "succeeded_with_rejects"
    assert len(lakehouse.reports.all()) == 1, "the report of the failed try is replaced"


def test_at_the_limit_the_batch_passes(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product("x")))
    assert ran(with_reject_limit(lakehouse, 0.5))["status"] == "succeeded_with_rejects"


def test_a_limit_of_zero_lets_no_row_be_lost(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item("?", 1, 1)))
    with pytest.raises(BadData, match="order_items: 1 of 2 rows are rejected, above the limit of 0%"):
        run(with_reject_limit(lakehouse, 0))


def test_rows_that_only_wait_for_a_parent_are_not_lost(lakehouse: Lakehouse) -> None:
    """The second time they are tried again, beside a row that waits, too."""
    strict = with_reject_limit(lakehouse, 0)
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 1, 1)))
    report = ran(strict)
    assert nonzero(report["datasets"]["order_items"]) == {"read": 2, "rejected": 2}
    assert report["status"] == "succeeded_with_rejects"
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    put(lakehouse, "raw/order_items/more.csv", items_csv(item(3, 1, 1)))
    assert nonzero(ran(strict)["datasets"]["order_items"]) == {"read": 1, "retried": 2, "rejected": 3}


def test_by_default_a_batch_in_which_a_dataset_loses_every_row_fails(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    put(lakehouse, "raw/products/p.csv", products_csv(product("x"), product("y")))
    with pytest.raises(BadData, match="products: 2 of 2 rows are rejected, above the limit of 90%"):
        run(lakehouse)
    [report] = lakehouse.reports.all()
    assert outcomes(report)["p.csv"] == "not_loaded"
    assert ran(with_reject_limit(lakehouse, 1))["status"] == "succeeded_with_rejects"


@pytest.mark.parametrize(("bad", "status"), [(2, "succeeded"), (3, "succeeded_with_rejects")])
def test_a_batch_has_succeeded_with_rejects_above_the_share_that_is_usual(
    lakehouse: Lakehouse, bad: int, status: str
) -> None:
    put(
        lakehouse,
        "raw/products/p.csv",
        products_csv(
            *(product(number) for number in range(20 - bad)), *(product(f"x{number}") for number in range(bad))
        ),
    )
    assert ran(lakehouse)["status"] == status


def test_a_batch_without_rows_is_below_any_limit(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv())
    assert ran(with_reject_limit(lakehouse, 0))["status"] == "succeeded"


def without_commits(lakehouse: Lakehouse, *uris: str) -> None:
    """As if the loads so far had written these tables somewhere else."""
    for uri in uris:
        lakehouse.zone.store.delete_all(uri.removeprefix(f"s3://{lakehouse.settings.bucket}/") + "/")


def test_a_record_of_a_merge_is_believed_only_where_the_tables_log_has_the_commit(lakehouse: Lakehouse) -> None:
    """Rows and rejected records that another S3 got, say, are written by the next try."""
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1), order(2), order("x")))
    batch = freeze(lakehouse)
    first = batch.load("orders")
    for uris in (
        [lakehouse.tables.table("orders")],
        [lakehouse.tables.rejects("orders")],
        [lakehouse.tables.table("orders"), lakehouse.tables.rejects("orders")],
    ):
        without_commits(lakehouse, *uris)
        assert batch.load("orders").counts == first.counts
        assert table_rows(lakehouse, "orders", "order_id") == [(1,), (2,)]
        assert [record["raw"]["order_id"] for record in rejects(lakehouse, "orders")] == ["x"]
        versions = delta_versions(lakehouse)
        assert batch.load("orders") == first
        assert delta_versions(lakehouse) == versions
