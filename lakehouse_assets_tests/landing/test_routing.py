from dataclasses import replace

import pytest

from lakehouse_assets.contracts import Contract, Contracts, read_contracts
from lakehouse_assets.landing.column_names import normalise, shown
from lakehouse_assets.landing.routing import MALFORMED, check_header, dataset_named, route

CONTRACTS = read_contracts()
ORDERS = CONTRACTS["orders"]


def with_optional_last_column(contract: Contract, dataset: str) -> Contract:
    return replace(
        contract, dataset=dataset, columns=(*contract.columns[:-1], replace(contract.columns[-1], required=False))
    )


@pytest.mark.parametrize("dataset", list(CONTRACTS))
def test_a_header_is_routed_by_its_columns_in_any_order_and_case(dataset: str) -> None:
    header = [
        "\ufeff" + CONTRACTS[dataset].names[-1],
        *(f" {name.upper()}\t" for name in reversed(CONTRACTS[dataset].names[:-1])),
    ]
    assert route(header, CONTRACTS).dataset == dataset
    assert route(header, CONTRACTS).reason is None


def test_an_extra_column_and_an_absent_optional_one_do_not_matter_to_routing() -> None:
    assert (
        route(
            [*(n for n in CONTRACTS["order_items"].names if n != "days_since_prior_order"), "note"], CONTRACTS
        ).dataset
        == "order_items"
    )


def test_a_header_without_a_required_column_names_the_closest_dataset_and_what_it_lacks() -> None:
    routed = route([name for name in ORDERS.names if name not in ("order_id", "date")], CONTRACTS)
    assert (routed.dataset, routed.candidate) == (None, "orders")
    assert routed.reason == "no dataset has these columns; the closest is orders, without: order_id, date"


def test_a_header_that_shares_nothing_names_no_closest_dataset() -> None:
    routed = route(["city", "inhabitants"], CONTRACTS)
    assert (routed.dataset, routed.candidate) == (None, None)
    assert routed.reason == f"no dataset has these columns (the datasets: {', '.join(CONTRACTS)})"


def test_the_dataset_that_shares_most_columns_is_taken() -> None:
    short = replace(ORDERS, dataset="headline", columns=ORDERS.columns[:3])
    assert route(ORDERS.names, Contracts((short, ORDERS))).dataset == "orders"
    assert route(ORDERS.names, Contracts((ORDERS, short))).dataset == "orders"


def test_a_header_that_fits_two_datasets_alike_goes_to_neither_unless_its_sender_says_to_which() -> None:
    alike = Contracts((ORDERS, replace(ORDERS, dataset="returns")))
    assert (
        route(ORDERS.names, alike).reason
        == "the header fits orders and returns alike: add a column that only one of them has"
    )
    assert route(ORDERS.names, alike, name="returns_2025-04.csv").dataset == "returns"
    assert route(ORDERS.names, alike, said="orders").dataset == "orders"


CUSTOMERS = replace(CONTRACTS["products"], dataset="customers", columns=tuple(
    replace(CONTRACTS["products"].columns[2], name=name, required=name == "user_id") for name in ("user_id", "name", "country", "city")
))  # fmt: skip
SHOP = Contracts((*CONTRACTS.in_load_order, CUSTOMERS))
ORDERS_WITHOUT_DATE = [name for name in ORDERS.names if name != "date"]


@pytest.mark.parametrize(
    ("said", "name", "reason"),
    [
        (
            "orders",
            "export.csv",
            (
                "lacks required columns of orders: date; it has the required columns of customers, but its folder says"
                " orders"
            ),
        ),
        (
            None,
            "orders_2025-04.csv",
            (
                "lacks required columns of orders: date; it has the required columns of customers, but its name says"
                " orders"
            ),
        ),
        (
            None,
            "export.csv",
            (
                "no dataset has these columns; the closest is orders, without: date; it has the required columns of"
                " customers, but it shares more columns with orders"
            ),
        ),
        ("customers", "export.csv", "has 5 columns of orders and 1 of customers, the dataset that its folder says"),
        (None, "Customers.xlsx", "has 5 columns of orders and 1 of customers, the dataset that its name says"),
    ],
)
def test_a_file_that_lacks_a_column_of_its_dataset_is_not_taken_for_another_whose_few_required_columns_it_has(
    said: str | None, name: str, reason: str
) -> None:
    routed = route(ORDERS_WITHOUT_DATE, SHOP, said=said, name=name)
    assert (routed.dataset, routed.reason) == (None, reason)
    if said:
        assert check_header(ORDERS_WITHOUT_DATE, SHOP[said], SHOP, name).problem == reason


def test_a_file_of_another_dataset_says_what_it_looks_like_and_what_it_lacks() -> None:
    routed = route(ORDERS.names, SHOP, said="products")
    assert (
        routed.reason == "has 6 columns of orders and 0 of products, the dataset that its folder says, "
        "and lacks of products: product_id, department_id, department, product_name"
    )


def test_where_folder_and_name_disagree_the_header_must_fit_the_folder_better() -> None:
    assert route(ORDERS.names, SHOP, said="orders", name="products.csv").dataset == "orders"
    unsure = route(
        ["user_id", "note"],
        Contracts((CUSTOMERS, replace(CUSTOMERS, dataset="people"))),
        said="people",
        name="customers.csv",
    )
    assert (
        unsure.reason
        == "lies in the folder of people, its name says customers, and its header does not settle it: it has 1 column"
        " of each"
    )


def test_more_than_half_of_unknown_columns_makes_a_file_of_no_dataset_unless_the_contract_allows_it() -> None:
    extra = [f"extra_{place}" for place in range(5)]
    assert route([*CUSTOMERS.names, *extra[:4], "", ""], SHOP, name="customers.csv").dataset == "customers", (
        "columns without a name do not count"
    )
    reason = route([*CUSTOMERS.names, *extra], SHOP, name="customers.csv").reason or ""
    assert reason.startswith("has 5 columns that customers does not know, of 9: more than half")
    allowed = Contracts((replace(CUSTOMERS, allows_unknown=True),))
    assert route([*CUSTOMERS.names, *extra], allowed).dataset == "customers"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("order_items_2025.csv", "order_items"),
        ("Order Items (2).csv", "order_items"),
        ("Order Items", "order_items"),
        ("orders-april.csv", "orders"),
        ("ORDERS.CSV", "orders"),
        ("orders_2025-04.csv.gz", "orders"),
        ("reorders.csv", None),
        ("preorders products", "products"),
        ("orders and products.xlsx", None),
        ("order_items of orders.csv", None),
        ("april.csv", None),
        ("", None),
    ],
)
def test_a_name_names_a_dataset_by_whole_words(name: str, expected: str | None) -> None:
    assert dataset_named(name, CONTRACTS) == expected


def test_the_longest_dataset_in_the_name_is_meant() -> None:
    both = Contracts((ORDERS, replace(ORDERS, dataset="orders_archive")))
    assert dataset_named("orders_archive_2024.csv", both) == "orders_archive"


def test_names_are_compared_without_mark_white_space_and_case_and_empty_ones_get_their_place() -> None:
    assert normalise(["\ufeffOrder_ID ", "\tTotal", "", "  "]) == ("order_id", "total", "column_3", "column_4")


@pytest.mark.parametrize(
    "text",
    [
        "product_id\u200b",
        "\xa0product_id\xa0",
        "\uff50roduct_id",
        "pro\xadduct_id",
        "product id",
        "Product-ID",
        "product\nid",
        "\ufeffproduct_id",
        "Product_ID",
        " product_id",
    ],
)
def test_a_column_is_known_however_it_is_plainly_written_and_its_spelling_is_told(text: str) -> None:
    header = [text, "department_id", "department", "product_name"]
    check = check_header(header, CONTRACTS["products"], CONTRACTS)
    assert (check.problem, check.names, check.respelled) == (None, CONTRACTS["products"].names, ((text, "product_id"),))
    assert route(header, CONTRACTS).dataset == "products"


def test_a_spelling_that_could_be_two_columns_is_neither() -> None:
    assert normalise(["a b", "a__b"], ("a_b", "a__b")) == ("a b", "a__b")


def test_a_name_is_shown_with_its_invisible_characters() -> None:
    assert shown("a\u200bb\xa0c\xad d\0é注") == "a\\u200bb\\xa0c\\xad d\\x00é注"


def test_two_spellings_of_one_column_are_a_problem_that_names_both() -> None:
    problem = check_header([*ORDERS.names, "Order ID", "note", "note\u200b"], ORDERS, CONTRACTS).problem
    assert problem == 'has more than one column named: order_id ("order_id", "Order ID"), note ("note", "note\\u200b")'


ALIASED = replace(
    CONTRACTS["products"],
    columns=(
        replace(CONTRACTS["products"].columns[0], headers=("Lineitem sku", "SKU")),
        *CONTRACTS["products"].columns[1:],
    ),
)


@pytest.mark.parametrize(
    ("text", "respelled"),
    [("SKU", False), ("Lineitem sku", False), (" lineitem SKU ", True), ("Lineitem-SKU\u200b", True), ("sku", True)],
)
def test_a_column_is_known_by_each_of_its_names(text: str, respelled: bool) -> None:
    header = [text, "department_id", "department", "product_name"]
    check = check_header(header, ALIASED, Contracts((ALIASED,)))
    told = ((text, "product_id"),) if respelled else ()
    assert (check.problem, check.names, check.respelled, check.extra) == (None, ALIASED.names, told, ())
    assert route(header, Contracts((ALIASED,))).dataset == "products"


def test_two_names_of_one_column_are_a_problem_that_names_both() -> None:
    problem = check_header([*ALIASED.names, "Lineitem SKU", "sku"], ALIASED, Contracts((ALIASED,))).problem
    assert problem == 'has more than one column named: product_id ("product_id", "Lineitem SKU", "sku")'


def test_a_calculated_column_in_a_file_is_extra() -> None:
    first, *others = CONTRACTS["products"].columns
    contract = replace(CONTRACTS["products"], columns=(first, *others, replace(first, name="shelf", derived="1")))
    assert check_header(contract.names, contract, Contracts((contract,))).extra == ("shelf",)
    assert check_header(contract.names[:-1], contract, Contracts((contract,))).absent == ()


def test_a_nul_in_the_header_sets_the_file_aside() -> None:
    assert (check_header([*ORDERS.names, "x\0"], ORDERS).problem or "").startswith("has a NUL character in its header")


def test_a_name_that_is_nearly_a_columns_is_shown_where_the_header_is_beyond_doubt_one() -> None:
    lacking = check_header(
        ["product_id", "department_id", "department", "product_name (text\u200b)"], CONTRACTS["products"]
    ).problem
    assert lacking == "lacks required columns of products: product_name (it has instead: product_name (text))"
    doubtful = check_header(["product_id", "jane@example.com", "5", "x"], CONTRACTS["products"]).problem
    assert doubtful == "lacks required columns of products: department_id, department, product_name"


def test_a_good_header_has_no_problem() -> None:
    check = check_header([*ORDERS.names, "note", "note2", MALFORMED], with_optional_last_column(ORDERS, "orders"))
    assert (check.problem, check.extra, check.absent) == (None, ("note", "note2"), ())


def test_a_missing_optional_column_is_absent_and_a_missing_required_one_is_a_problem() -> None:
    optional = with_optional_last_column(ORDERS, "orders")
    assert check_header(ORDERS.names[:-1], optional).absent == (ORDERS.names[-1],)
    assert check_header(ORDERS.names[:-1], optional).problem is None
    assert check_header(ORDERS.names[:-1], ORDERS).problem == "lacks required columns of orders: date"


def test_a_repeated_column_is_a_problem_that_names_it() -> None:
    assert check_header([*ORDERS.names, "user_id"], ORDERS).problem == "has more than one column named: user_id"


def test_a_row_of_data_in_the_headers_place_is_a_problem_that_quotes_none_of_its_values() -> None:
    check = check_header(["7", "10001", "jane@example.com", "2025-04-01T11:27:00", "10.5", "10.5"], ORDERS)
    assert check.problem is not None
    assert check.problem.startswith("has no header: its first line holds none of the columns of orders (order_num, ")
    assert "jane" not in check.problem
    assert check.extra == ()


def test_nothing_at_all_is_no_header() -> None:
    assert "has no header" in (check_header([], ORDERS).problem or "")
