"""`lakehouse validate`: it says what a load then does, and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets_tests.cli.commands.calls import lakehouse_command, loaded
from lakehouse_assets_tests.cli.conftest import Program
from lakehouse_assets_tests.support import (
    PRODUCTS,
    csv_text,
    delta_versions,
    item,
    items_csv,
    keys,
    nonzero,
    order,
    orders_csv,
    outcomes,
    product,
    products_csv,
    table_rows,
    workbook,
)


def validated(*arguments: object) -> tuple[int, Any]:
    """The exit code, and the object."""
    result = lakehouse_command("validate", "--json", *arguments)
    assert result.stdout, result.output
    return result.exit_code, json.loads(result.stdout)


def files_in(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_it_says_what_the_load_of_the_same_files_then_does(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """An update, an unchanged row, a stale one, a duplicate, a broken rule, a type, an orphan, one that waited and is
    healed, a corrected reject, a file that came before, one of another dataset, and a workbook with a sheet of notes.
    """
    first = files_in(
        tmp_path / "first",
        orders=orders_csv(order(1), order(2, hour=12), order(3, amount="a lot")),
        products=products_csv(product(1)),
        items=items_csv(item(1, 1, 1), item(2, 9, 1)),
    )
    loaded(first)
    second = files_in(
        tmp_path / "second",
        orders_new=orders_csv(
            order(1, 99, hour=13),
            order(2, 5, hour=9),
            order(3),
            order(4),
            order(4, 11, hour=15),
            order(5, -1),
            order(9),
        ),
        items_new=items_csv(item(3, 4, 1), item(4, 77, 1), item("x", 1, 1)),
        products=products_csv(product(1)),
        departments="department,floor\nBooks,1\n",
    )
    header = ("product_id", "department_id", "department", "product_name")
    workbook(second / "book.xlsx", {"stock": [header, product(1, "Globe"), product(2)], "todo": [("milk",)]})
    before = (keys(lakehouse, ""), delta_versions(lakehouse), table_rows(lakehouse, "orders"))

    code, found = validated(second)

    assert (keys(lakehouse, ""), delta_versions(lakehouse), table_rows(lakehouse, "orders")) == before
    assert code == 1
    assert found["tables"] == lakehouse.tables.data
    report = loaded(second)
    for name in ("datasets", "healed", "resolved", "waiting", "differing", "warnings"):
        assert found[name] == report[name], name
    assert outcomes(found) == outcomes(report)
    assert {each["name"]: (each["read"], each["rejected"], each["reason"]) for each in found["files"]} == {
        each["name"]: (each["read"], each["rejected"], each["reason"]) for each in report["files"]
    }
    reasons: dict[str, dict[str, int]] = {}
    for each in found["rejected"]:
        reasons.setdefault(each["dataset"], {})[each["reason"]] = each["rows"]
    assert reasons == report["reasons"]
    assert nonzero(found["datasets"]["orders"]) == {
        "read": 7,
        "inserted": 3,
        "updated": 1,
        "duplicates": 1,
        "stale": 1,
        "rejected": 1,
    }
    assert found["healed"] == {"order_items": 1}


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_each_reason_has_the_place_of_its_first_row_and_no_value(tmp_path: Path) -> None:
    files_in(tmp_path / "d", day=orders_csv(order(1), order(2, "a lot"), order(3, "much")))
    _, found = validated(tmp_path / "d")
    [reason] = found["rejected"]
    assert {name: reason[name] for name in ("dataset", "reason", "rows", "file", "row")} == {
        "dataset": "orders",
        "reason": "total_amount: not double",
        "rows": 2,
        "file": "day.csv",
        "row": 2,
    }
    printed = lakehouse_command("validate", tmp_path / "d").stdout
    assert "a lot" not in printed + json.dumps(found)
    assert "orders: 2 of 3 rows would be rejected." in printed
    assert "total_amount is written as" in printed


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_the_exit_code_tells_a_senders_ci_whether_the_files_pass(tmp_path: Path) -> None:
    good = files_in(tmp_path / "good", p=products_csv(product(1), product(2)))
    assert validated(good)[0] == 0
    some = files_in(tmp_path / "some", p=products_csv(product(1), product(2), product("x"), product(4)))
    assert validated(some)[0] == 1
    assert validated(some, "--fail-above", "0.25")[0] == 0
    waiting = files_in(tmp_path / "waiting", i=items_csv(item(1, 9, 9)))
    code, found = validated(waiting)
    assert (code, found["waiting"], found["problems"]) == (0, {"order_items": 1}, [])
    lacking = files_in(tmp_path / "lacking", orders=orders_csv(order(1)).replace("user_id", "who"))
    code, found = validated(lacking, "--fail-above", "1")
    assert code == 1
    assert found["problems"][0].startswith("orders.csv would not be taken: lacks required columns of orders: user_id")
    lost = files_in(tmp_path / "lost", p=products_csv(product("x"), product("y")))
    _, found = validated(lost)
    assert found["problems"] == [
        "products: 2 of 2 rows would be rejected, above LAKEHOUSE_REJECT_LIMIT (90%): the batch would fail."
    ]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.md").write_text("remember the milk")
    code, found = validated(tmp_path / "empty")
    assert (code, found["problems"]) == (1, ["There is no file that a load would take."])
    assert lakehouse_command("validate", tmp_path / "nowhere.csv").exit_code == 2


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_a_sheet_with_rows_that_no_dataset_takes_is_a_problem_and_a_note_in_a_folder_is_not(tmp_path: Path) -> None:
    folder = files_in(tmp_path / "d", p=products_csv(product(1)))
    (folder / "notes.md").write_text("remember the milk")
    assert validated(folder)[0] == 0
    workbook(folder / "book.xlsx", {"stock": [PRODUCTS, product(2)], "more": [("product", "dep"), (1, 2)]})
    code, found = validated(folder)
    assert code == 1
    assert [problem.split(" would")[0] for problem in found["problems"]] == ["book.xlsx#more"]


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_a_load_with_dry_run_does_the_same(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = files_in(tmp_path / "d", p=products_csv(product(1), product("x")))
    before = keys(lakehouse, "")
    dry = lakehouse_command("load", "--dry-run", folder)
    assert (dry.exit_code, dry.stdout) == (1, lakehouse_command("validate", folder).stdout)
    assert lakehouse_command("load", "--dry-run", "--json", "--fail-above", "0.5", folder).exit_code == 0
    assert keys(lakehouse, "") == before
    assert lakehouse_command("load", "--dry-run").exit_code == 2


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_a_column_that_the_contract_gained_is_added_to_the_table_by_the_load_alone(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(files_in(tmp_path / "first", p=products_csv(product(1), product(2))))
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for path in SHIPPED.glob("*.odcs.yaml"):
        document = yaml.safe_load(path.read_text())
        if document["name"] == "products":
            document["schema"][0]["properties"].append({"name": "colour", "physicalType": "string"})
        (contracts / path.name).write_text(yaml.safe_dump(document))
    monkeypatch.setenv("LAKEHOUSE_CONTRACTS", str(contracts))
    text = csv_text((*PRODUCTS, "colour"), [(*product(1), "red"), (*product(2), ""), (*product(3), "blue")])
    before = delta_versions(lakehouse)
    code, found = validated(files_in(tmp_path / "second", p=text))
    assert code == 0
    assert delta_versions(lakehouse) == before
    report = loaded(tmp_path / "second")
    assert found["datasets"] == {"products": report["datasets"]["products"]}
    assert nonzero(found["datasets"]["products"]) == {"read": 3, "inserted": 1, "updated": 1, "unchanged": 1}


def test_in_a_home_without_tables_it_needs_no_home_and_compares_with_nothing(program: Program, tmp_path: Path) -> None:
    files_in(tmp_path / "d", o=orders_csv(order(1)), i=items_csv(item(1, 1, 1)))
    result = program("validate", "--json", "d")
    found = json.loads(result.stdout)
    assert (result.returncode, found["passes"], found["tables"]) == (0, True, None)
    assert nonzero(found["datasets"]["orders"]) == {"read": 1, "inserted": 1}
    assert found["waiting"] == {"order_items": 1}, "the product is in no table; the order comes with the files"
    assert not (tmp_path / "home").exists()
    people = program("validate", "d")
    assert people.stdout.startswith("The files can be loaded (compared with empty tables). Nothing was written.")


def test_against_an_account_it_reads_the_accounts_tables(house: Lakehouse, program: Program, tmp_path: Path) -> None:
    files_in(tmp_path / "d", p=products_csv(product(71), product(72)))
    loaded(tmp_path / "d" / "p.csv")
    before = delta_versions(house)
    (tmp_path / "d" / "p.csv").write_text(products_csv(product(71, "other"), product(73)))
    account = {**house.aws.environment, "LAKEHOUSE_AWS": "account", "LAKEHOUSE_BUCKET": house.settings.bucket}
    result = program("validate", "--json", "d", **account)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert nonzero(found["datasets"]["products"]) == {"read": 2, "inserted": 1, "updated": 1}
    assert delta_versions(house) == before
