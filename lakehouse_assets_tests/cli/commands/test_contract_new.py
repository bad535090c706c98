"""`lakehouse contract new`: a draft that `check` accepts, and that a load of the same file takes to the last row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.commands import contract as command
from lakehouse_assets.contracts.draft import dataset_name
from lakehouse_assets_tests.cli.commands.calls import lakehouse_command
from lakehouse_assets_tests.cli.conftest import Program
from lakehouse_assets_tests.support import (
    environment_of,
    item,
    items_csv,
    nonzero,
    order,
    orders_csv,
    table_rows,
    workbook,
)

SUPPLIERS = """\
Supplier ID;Supplier Name;rating;postcode;order_id;batch_id;since;updated_at;total;state
S001;Lamp & Sons;5;01067;10001;7;2020-01-31;2025-04-01T10:00:00Z;1.5;new
S002;"Kettle; Ltd";;20095;10002;8;2021-01-31;2025-04-01 11:00:00+02;20;old
S003;Pan;3;20095;10001;8;2021-01-31;2025-04-02 11:00:00;9000000000;new
"""


@pytest.fixture(autouse=True)
def without_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_has_spark", lambda: False)


def loaded_by(program: Program, lakehouse: Lakehouse, tmp_path: Path, path: Path) -> dict[str, Any]:
    """The report of a load with the contracts that were drafted. Its own process: Dagster's definitions are made once
    in a process, from the contracts that are there then.
    """
    environment = environment_of(lakehouse) | {"LAKEHOUSE_CONTRACTS": str(tmp_path / "contracts")}
    result = program("load", "--json", path, home=Path(environment.pop("LAKEHOUSE_HOME")), **environment)
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def drafted(tmp_path: Path, text: str, *options: object, name: str = "suppliers.csv") -> tuple[dict[str, Any], str]:
    """The columns of the draft by name, and its text; `check` has accepted it."""
    path = tmp_path / name
    path.write_text(text)
    result = lakehouse_command("contract", "new", *options, path)
    assert result.exit_code == 0, result.output
    document = tmp_path / "draft.odcs.yaml"
    document.write_text(result.stdout)
    checked = lakehouse_command("contract", "check", document)
    assert checked.exit_code == 0, checked.output
    [schema] = yaml.safe_load(result.stdout)["schema"]
    return {column["name"]: column for column in schema["properties"]}, result.stdout


def test_the_draft_states_types_required_columns_and_the_key(tmp_path: Path) -> None:
    columns, text = drafted(tmp_path, SUPPLIERS)
    assert {name: (column["physicalType"], column["required"]) for name, column in columns.items()} == {
        "supplier_id": ("string", True),
        "supplier_name": ("string", True),
        "rating": ("int", False),
        "postcode": ("string", True),
        "order_id": ("int", True),
        "field_batch_id": ("int", True),
        "since": ("date", True),
        "updated_at": ("timestamp", True),
        "total": ("double", True),
        "state": ("string", True),
    }
    assert [name for name, column in columns.items() if column.get("primaryKey")] == ["supplier_id"]
    assert columns["supplier_name"]["description"] == "Supplier Name"
    assert "physicalType: double # or decimal(12,2), which is exact" in text


def test_a_column_keeps_its_name_in_the_file_beside_a_name_that_the_contract_can_use(tmp_path: Path) -> None:
    header = 'Beleg-Nr.;Größe (cm);Preis €;Preis $;preis_2;注文;batch_id;2024;a;;"zwei\nZeilen"'
    columns, text = drafted(tmp_path, f"{header}\n1;2;3;4;5;6;7;8;9;;2\n")
    assert {name: column.get("physicalName") for name, column in columns.items()} == {
        "beleg_nr": "Beleg-Nr.",
        "grosse_cm": "Größe (cm)",
        "preis": "Preis €",
        "preis_3": "Preis $",
        "preis_2": None,
        "field_6": "注文",
        "field_batch_id": "batch_id",
        "field_2024": "2024",
        "a": None,
        "zwei_zeilen": "zwei Zeilen",
    }
    assert [line.strip() for line in text.splitlines() if "is left out" in line] == [
        '# The column "" is left out: rename it in the file.',
    ]


def test_what_the_rows_only_suggest_is_a_comment_that_is_valid_when_it_is_taken(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'new' if n % 2 else 'old'},{n * 10},{n}\n" for n in range(1, 21))
    columns, text = drafted(tmp_path, f"id,state,amount,order_id\n{rows}", name="returns.csv")
    assert not any({"enum", "logicalTypeOptions", "relationships"} & column.keys() for column in columns.values())
    for comment in (
        'enum: [{value: "new"}, {value: "old"}]',
        "logicalTypeOptions: {minimum: 10, maximum: 200}",
        "relationships: [{type: foreignKey, to: orders.order_id}]",
    ):
        assert f"        # {comment}\n" in text
        text = text.replace(f"# {comment}", comment)
    taken = tmp_path / "taken.odcs.yaml"
    taken.write_text(text)
    result = lakehouse_command("contract", "check", taken)
    assert result.exit_code == 0, result.output


def test_without_a_unique_column_the_draft_says_that_the_key_must_be_chosen(tmp_path: Path) -> None:
    columns, text = drafted(tmp_path, "shop,day,total\na,2025-01-01,1.5\na,2025-01-02,2.5\n", name="days.csv")
    assert [name for name, column in columns.items() if column.get("primaryKey")] == ["shop"]
    assert "primaryKey: true # not unique: choose the right key" in text
    none = tmp_path / "none.csv"
    none.write_text("total,day\n1.5,2025-01-01\n")
    refused = lakehouse_command("contract", "new", none)
    assert refused.exit_code == 2
    assert "none can be the key" in refused.stderr


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("quantity,order_id,product_id\n1,10,7\n1,10,8\n1,11,7\n", {"order_id": 1, "product_id": 2}),
        ("Name,Quantity,Item SKU\n#1,1,L\n#1,2,P\n#2,1,L\n", {"item_sku": 1, "name": 2}),
    ],
)
def test_two_columns_that_are_unique_together_are_the_key_if_none_is_alone(
    tmp_path: Path, text: str, key: dict[str, int]
) -> None:
    columns, _ = drafted(tmp_path, text, name="lines.csv")
    found = {name: column["primaryKeyPosition"] for name, column in columns.items() if column.get("primaryKey")}
    assert found == key


FOREIGN = """\
Beleg-Nr.;Betrag;Menge;Verkauft am;Tag;Bezahlt;Datum;Anteil;Ort
1;1.234,50;1;01.04.2025 00:30;1.4.2025;true;03/04/2025;1,5;Köln
2;12,5;NULL;13.04.2025 00:30;13.4.2025;false;03/05/2025;-;NULL
3;0,5;3;;14.4.2025;True;03/06/2025;0,25;Bonn
"""


def test_the_draft_states_the_forms_of_the_values_if_only_one_fits(tmp_path: Path) -> None:
    columns, text = drafted(tmp_path, FOREIGN, name="sales.csv")
    assert {name: (column["physicalType"], column["required"]) for name, column in columns.items()} == {
        "beleg_nr": ("int", True),
        "betrag": ("double", True),
        "menge": ("int", False),
        "verkauft_am": ("timestamp", False),
        "tag": ("date", True),
        "bezahlt": ("boolean", True),
        "datum": ("string", True),
        "anteil": ("double", False),
        "ort": ("string", True),
    }
    comma = [{"property": "decimalChar", "value": ","}, {"property": "groupChar", "value": "."}]
    assert columns["betrag"]["customProperties"] == comma
    assert columns["anteil"]["customProperties"] == [*comma, {"property": "missingValues", "value": ["-"]}]
    assert columns["menge"]["customProperties"] == [{"property": "missingValues", "value": ["NULL"]}]
    assert columns["verkauft_am"]["logicalTypeOptions"] == {"format": "d.M.yyyy HH:mm[:ss]"}
    assert columns["tag"]["logicalTypeOptions"] == {"format": "d.M.yyyy"}
    assert not {"customProperties", "logicalTypeOptions"} & {*columns["datum"], *columns["ort"]}
    for comment in (
        'several forms; if it is this one: logicalTypeOptions: {format: "d/M/yyyy"}',
        'several forms; if it is this one: logicalTypeOptions: {format: "M/d/yyyy"}',
        '        # customProperties: [{property: missingValues, value: ["NULL"]}]',
        "physicalType: double # or decimal(12,2), which is exact",
    ):
        assert comment in text


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_every_row_of_a_file_of_a_foreign_sender_is_loaded_by_its_draft(
    lakehouse: Lakehouse, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(FOREIGN, "cp1252")
    monkeypatch.setenv("LAKEHOUSE_CONTRACTS", str(tmp_path / "contracts"))
    refused = lakehouse_command("contract", "new", "--into", tmp_path / "contracts", path)
    assert (refused.exit_code, "(in a draft: --encoding)" in refused.stderr) == (1, True)
    made = lakehouse_command("contract", "new", "--encoding", "cp1252", "--into", tmp_path / "contracts", path)
    assert made.exit_code == 0, made.output
    tried = lakehouse_command("validate", "--json", path)
    assert tried.exit_code == 0, tried.output
    report = loaded_by(program, lakehouse, tmp_path, path)
    assert nonzero(report["datasets"]["sales"]) == {"read": 3, "inserted": 3}
    assert [file["warnings"] for file in report["files"]] == [[]]
    assert sorted(table_rows(lakehouse, "sales", "betrag", "menge", "ort")) == [
        (0.5, 3, "Bonn"),
        (12.5, None, "NULL"),
        (1234.5, 1, "Köln"),
    ]


@pytest.mark.parametrize(("name", "code"), [("windows-1252", 0), ("ebcdic", 2)])
def test_the_encoding_of_a_draft_is_one_that_contracts_have(tmp_path: Path, name: str, code: int) -> None:
    path = tmp_path / "things.csv"
    path.write_bytes(b"id,name\n1,Caf\xe9\n")
    result = lakehouse_command("contract", "new", "--encoding", name, path)
    assert result.exit_code == code
    if not code:
        assert yaml.safe_load(result.stdout)["servers"] == [
            {"server": "files", "type": "custom", "encoding": "windows-1252"}
        ]


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_every_row_of_the_file_is_loaded_by_its_draft(
    lakehouse: Lakehouse, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a title above the header, a quoted line break, a blank row, and texts that look like other types."""
    text = (
        'Export of April,,,,\nID,Order Date,Note,flag,code\n1,2025-04-01,"a\nb",1,007\n\n2,2025-04-02,"c,d",,1e5\n'
        "3,2025-04-03,NULL,0,x\n"
    )
    path = tmp_path / "visits 2025.csv"
    path.write_text(text)
    monkeypatch.setenv("LAKEHOUSE_CONTRACTS", str(tmp_path / "contracts"))
    made = lakehouse_command("contract", "new", "--into", tmp_path / "contracts", path)
    assert made.exit_code == 0, made.output
    assert (tmp_path / "contracts" / "visits.odcs.yaml").exists()
    report = loaded_by(program, lakehouse, tmp_path, path)
    assert nonzero(report["datasets"]["visits"]) == {"read": 3, "inserted": 3}


def test_files_with_one_header_make_one_draft_and_others_one_each(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,size\n1,2\n")
    with gzip.open(tmp_path / "b.csv.gz", "wt") as file:
        file.write("id,size\n1,large\n")
    together = lakehouse_command("contract", "new", tmp_path / "a.csv", tmp_path / "b.csv.gz")
    [schema] = yaml.safe_load(together.stdout)["schema"]
    assert [column["physicalType"] for column in schema["properties"]] == ["int", "string"]
    assert "a.csv, b.csv.gz (2 rows)" in together.stdout
    (tmp_path / "orders.csv").write_text(orders_csv(order(1)))
    (tmp_path / "items.csv").write_text(items_csv(item(1, 1, 1)))
    both = (tmp_path / "orders.csv", tmp_path / "items.csv")
    assert lakehouse_command("contract", "new", *both).exit_code == 2
    assert lakehouse_command("contract", "new", "--into", tmp_path / "into", *both).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "into").iterdir()) == ["items.odcs.yaml", "orders.odcs.yaml"]
    again = lakehouse_command("contract", "new", "--into", tmp_path / "into", *both)
    assert (again.exit_code, "exists, and is left as it is" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 1, "is empty"),
        (b"id,name\n", 1, "has no row"),
        (b"id,name\n1,Caf\xe9\n", 1, "is not UTF-8"),
        (b"\x00\x01\x02", 1, "things.csv"),
        (b"1,2\n3,4\n", 1, "has no column name in its header"),
    ],
)
def test_a_file_that_makes_no_draft_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, code: int, words: str
) -> None:
    path = tmp_path / "things.csv"
    path.write_bytes(content)
    result = lakehouse_command("contract", "new", path)
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr


def test_the_sheets_of_a_workbook_make_one_draft_for_each_header(tmp_path: Path) -> None:
    days = {day: [("Report",), ("Visit ID", "When"), (int(day), f"2025-04-0{day}")] for day in ("1", "2")}
    alike = lakehouse_command("contract", "new", workbook(tmp_path / "visits 2025.xlsx", days | {"none": []}))
    assert alike.exit_code == 0, alike.output
    [schema] = yaml.safe_load(alike.stdout)["schema"]
    assert (schema["name"], [column["name"] for column in schema["properties"]]) == ("visits", ["visit_id", "when"])
    assert "visits 2025.xlsx#1, visits 2025.xlsx#2 (2 rows)" in alike.stdout
    assert "visits 2025.xlsx#none is left out: empty sheet" in alike.stderr
    several = workbook(tmp_path / "shop.xlsx", {"Shops": [("id",), (1,)], "Stock 1": [("id", "count"), (1, 5)]})
    assert lakehouse_command("contract", "new", several, "--into", tmp_path / "into").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "into").iterdir()) == ["shops.odcs.yaml", "stock.odcs.yaml"]
    damaged = tmp_path / "damaged.xlsx"
    damaged.write_bytes(several.read_bytes()[:200])
    refused = lakehouse_command("contract", "new", damaged)
    assert (refused.exit_code, refused.stderr.startswith("Error: damaged.xlsx: ")) == (1, True)


def test_a_row_that_is_longer_than_the_header_is_not_taken_for_it(tmp_path: Path) -> None:
    columns, _ = drafted(tmp_path, "id,name\n1,a\n2,b,c\n3,d\n", name="things.csv")
    assert list(columns) == ["id", "name"]


def test_the_dataset_is_named_after_the_file_without_dates_and_numbers() -> None:
    names = {"Orders_2025-04.csv": "orders", "order items (2).csv.gz": "order_items", "2025.csv": "dataset"}
    assert {file: dataset_name(file) for file in names} == names
