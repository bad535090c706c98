from dataclasses import replace

import pytest

from lakehouse_assets.contracts import Contract, Contracts, read_contracts
from lakehouse_assets.landing.routing import MALFORMED, check_header, closest, normalise, route

CONTRACTS = read_contracts()
ORDERS = CONTRACTS["orders"]


def with_optional_last_column(contract: Contract, dataset: str) -> Contract:
    return replace(contract, dataset=dataset, columns=(*contract.columns[:-1], replace(contract.columns[-1], required=False)))


@pytest.mark.parametrize("dataset", list(CONTRACTS))
def test_a_header_is_routed_by_its_columns_in_any_order_and_case(dataset: str) -> None:
    header = ["\ufeff" + CONTRACTS[dataset].names[-1], *(f" {name.upper()}\t" for name in reversed(CONTRACTS[dataset].names[:-1]))]
    assert route(header, CONTRACTS).dataset == dataset
    assert route(header, CONTRACTS).reason is None


def test_an_extra_column_and_an_absent_optional_one_do_not_matter_to_routing() -> None:
    assert route([*(n for n in CONTRACTS["order_items"].names if n != "days_since_prior_order"), "note"], CONTRACTS).dataset == "order_items"


def test_a_header_without_a_required_column_names_the_closest_dataset_and_what_it_lacks() -> None:
    routed = route([name for name in ORDERS.names if name not in ("order_id", "date")], CONTRACTS)
    assert routed.dataset is None
    assert routed.reason == "no dataset has these columns; the closest is orders, without: order_id, date"


def test_a_header_that_shares_nothing_names_no_closest_dataset() -> None:
    routed = route(["city", "inhabitants"], CONTRACTS)
    assert routed.dataset is None
    assert routed.reason == f"no dataset has these columns (the datasets: {', '.join(CONTRACTS)})"


def test_of_two_fitting_datasets_the_one_with_most_of_its_columns_there_is_taken() -> None:
    short = replace(ORDERS, dataset="headline", columns=ORDERS.columns[:3])
    assert route(ORDERS.names, Contracts((short, ORDERS))).dataset == "orders"
    assert route(ORDERS.names, Contracts((ORDERS, short))).dataset == "orders"
    assert route(ORDERS.names[:3], Contracts((ORDERS, short))).dataset == "headline"


def test_a_header_that_fits_two_datasets_alike_goes_to_neither() -> None:
    routed = route(ORDERS.names, Contracts((ORDERS, replace(ORDERS, dataset="orders_copy"))))
    assert routed.dataset is None
    assert routed.reason is not None
    assert "orders and orders_copy" in routed.reason


@pytest.mark.parametrize(
    ("header", "name", "expected"),
    [
        (["x"], "order_items_2025.csv", "order_items"),
        (["x"], "Order Items (2).csv", "order_items"),
        (["x"], "orders-april.csv", "orders"),
        (["x"], "ORDERS.CSV", "orders"),
        (["product_id", "department"], "april.csv", "products"),
        (["x"], "april.csv", None),
        ([], "", None),
    ],
)
def test_an_unrouted_file_is_held_against_the_dataset_in_its_name_or_the_one_that_shares_most_columns(
    header: list[str], name: str, expected: str | None
) -> None:
    assert closest(header, CONTRACTS, name) == expected


def test_the_longest_dataset_in_the_name_is_meant() -> None:
    both = Contracts((ORDERS, replace(ORDERS, dataset="orders_archive")))
    assert closest([], both, "orders_archive_2024.csv") == "orders_archive"


def test_names_are_compared_without_mark_white_space_and_case_and_empty_ones_get_their_place() -> None:
    assert normalise(["\ufeffOrder_ID ", "\tTotal", "", "  "]) == ("order_id", "total", "column_3", "column_4")


def test_a_good_header_has_no_problem() -> None:
    check = check_header([*ORDERS.names, "note", "note2", MALFORMED], with_optional_last_column(ORDERS, "orders"))
    assert (check.problem, check.extra, check.absent) == (None, ("note", "note2"), ())


def test_a_missing_optional_column_is_absent_and_a_missing_required_one_is_a_problem() -> None:
    optional = with_optional_last_column(ORDERS, "orders")
    assert check_header(ORDERS.names[:-1], optional).absent == (ORDERS.names[-1],)
    assert check_header(ORDERS.names[:-1], optional).problem is None
    assert check_header(ORDERS.names[:-1], ORDERS).problem == "lacks required columns of orders: date"


def test_a_repeated_column_is_a_problem_that_names_it() -> None:
    assert check_header([*ORDERS.names, " USER_ID "], ORDERS).problem == "has more than one column named: user_id"


def test_a_row_of_data_in_the_headers_place_is_a_problem_that_quotes_none_of_its_values() -> None:
    check = check_header(["7", "10001", "jane@example.com", "2025-04-01T11:27:00", "10.5", "10.5"], ORDERS)
    assert check.problem is not None
    assert check.problem.startswith("has no header: its first line holds none of the columns of orders (order_num, ")
    assert "jane" not in check.problem
    assert check.extra == ()


def test_nothing_at_all_is_no_header() -> None:
    assert "has no header" in (check_header([], ORDERS).problem or "")
