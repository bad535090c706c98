import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.checks import (
    BATCH_COUNTS,
    CHECKS,
    KEY_UNIQUE,
    NO_ORPHANS,
    NOT_EMPTY,
    REJECT_RATE,
    SCHEMA,
    WHAT_TO_DO,
    CheckResult,
    run_checks,
)
from lakehouse_assets.etl.engines.base import Counts, LoadResult
from lakehouse_assets_tests.support import (
    append_behind_its_back,
    checked,
    item,
    items_csv,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
)


def by_name(results: list[CheckResult]) -> dict[str, CheckResult]:
    return {result.check: result for result in results}


def failed(lakehouse: Lakehouse, batch_id: str) -> set[tuple[str, str, bool]]:
    """(dataset, check, severe) of those that did not pass."""
    found = checked(lakehouse, batch_id)
    return {
        (dataset, result.check, result.severe)
        for dataset, results in found.items()
        for result in results
        if not result.passed
    }


@pytest.fixture
def batch_id(lakehouse: Lakehouse) -> str:
    put_one_of_each(lakehouse)
    return str(ran(lakehouse)["batch_id"])


def test_after_a_sound_batch_every_check_passes_with_its_numbers(lakehouse: Lakehouse, batch_id: str) -> None:
    assert failed(lakehouse, batch_id) == set()
    items = by_name(checked(lakehouse, batch_id)["order_items"])
    assert set(items) == {NOT_EMPTY, KEY_UNIQUE, NO_ORPHANS, SCHEMA, BATCH_COUNTS, REJECT_RATE}
    assert items[BATCH_COUNTS].numbers == {"in_table": 1, "written": 1}
    assert NO_ORPHANS not in by_name(checked(lakehouse, batch_id)["products"])


def test_a_key_that_stands_twice_is_found(lakehouse: Lakehouse, batch_id: str) -> None:
    append_behind_its_back(lakehouse, "products", batch_id="'other'")
    assert failed(lakehouse, batch_id) == {("products", KEY_UNIQUE, True)}
    assert (
        by_name(checked(lakehouse, batch_id)["products"])[KEY_UNIQUE].message
        == "2 rows, 1 distinct values of product_id"
    )


def test_rows_without_a_parent_are_found(lakehouse: Lakehouse, batch_id: str) -> None:
    append_behind_its_back(
        lakehouse,
        "order_items",
        batch_id="'other'",
        id="CAST(2 AS INT)",
        order_id="CAST(9 AS INT)",
        product_id="CAST(9 AS INT)",
    )
    assert failed(lakehouse, batch_id) == {("order_items", NO_ORPHANS, True)}
    assert by_name(checked(lakehouse, batch_id)["order_items"])[NO_ORPHANS].numbers == {"orphans": 2}


def test_rows_of_the_batch_that_are_not_there_are_found(lakehouse: Lakehouse, batch_id: str) -> None:
    append_behind_its_back(lakehouse, "orders", order_id="CAST(2 AS INT)")
    assert failed(lakehouse, batch_id) == {("orders", BATCH_COUNTS, True)}


def test_a_table_that_is_empty_because_all_its_rows_wait_is_a_warning(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1)))
    report = ran(lakehouse)
    empty = {(dataset, NOT_EMPTY, False) for dataset in ("products", "orders", "order_items")}
    assert failed(lakehouse, report["batch_id"]) == empty | {("order_items", REJECT_RATE, False)}


def test_more_rejected_rows_than_usual_are_a_warning(lakehouse: Lakehouse) -> None:
    put(
        lakehouse,
        "raw/products/p.csv",
        products_csv(*(product(number) for number in range(17)), product("x"), product("y")),
    )
    put(lakehouse, "raw/orders/o.csv", orders_csv(*(order(number) for number in range(18)), order("x"), order("y")))
    batch_id = ran(lakehouse)["batch_id"]
    assert {(dataset, check) for dataset, check, _ in failed(lakehouse, batch_id)} == {
        ("products", REJECT_RATE),
        ("order_items", NOT_EMPTY),
    }
    assert (
        by_name(checked(lakehouse, batch_id)["products"])[REJECT_RATE].message
        == "2 of 19 rows rejected (10.5%; warning above 10%)"
    )


@pytest.mark.parametrize(
    ("rejected", "seen", "usual", "passed"),
    [(29, 100, 0.29, True), (30, 100, 0.29, False), (7, 100, 0.07, True), (0, 0, 0, True)],
)
def test_a_share_that_is_just_what_is_usual_is_usual(
    lakehouse: Lakehouse, batch_id: str, rejected: int, seen: int, usual: float, passed: bool
) -> None:
    """29 of 100 rows are 0.29 of them, though 0.29 * 100 is 28.999999999999996."""
    counts = Counts(read=seen, inserted=seen - rejected, rejected=rejected)
    results = run_checks(
        lakehouse.athena,
        lakehouse.catalog,
        lakehouse.contracts["products"],
        batch_id,
        LoadResult(counts, {}, {}, {}, 0),
        usual,
    )
    assert by_name(results)[REJECT_RATE].passed is passed


def test_columns_that_are_not_the_contracts_are_found(lakehouse: Lakehouse, batch_id: str) -> None:
    glue, database = lakehouse.aws.client("glue"), lakehouse.settings.database
    table = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    table["StorageDescriptor"]["Columns"][0]["Type"] = "double"
    kept = {name: table[name] for name in ("Name", "TableType", "Parameters", "StorageDescriptor")}
    glue.update_table(DatabaseName=database, TableInput=kept)
    assert failed(lakehouse, batch_id) == {("orders", SCHEMA, True)}
    assert by_name(checked(lakehouse, batch_id)["orders"])[SCHEMA].message == "order_num is double, in the contract int"
    lakehouse.refresh_catalog()
    assert failed(lakehouse, batch_id) == set()


def test_updates_and_healed_rows_count_as_this_batchs(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1), order(2)))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 2, 1)))
    ran(lakehouse)
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1, amount=99)))
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    report = ran(lakehouse)
    assert failed(lakehouse, report["batch_id"]) == set()
    found = checked(lakehouse, report["batch_id"])
    assert by_name(found["orders"])[BATCH_COUNTS].numbers == {"in_table": 1, "written": 1}
    assert by_name(found["order_items"])[BATCH_COUNTS].numbers == {"in_table": 2, "written": 2}


def test_for_each_check_it_is_said_what_to_do_when_it_fails() -> None:
    assert WHAT_TO_DO.keys() == CHECKS.keys()
    assert all("{" not in to_do.format(dataset="orders") for to_do in WHAT_TO_DO.values())
