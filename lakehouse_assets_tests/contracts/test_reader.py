"""What a contract can get wrong in its columns, key, parents and structure: each has a message that names the file and
the place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datacontract.data_contract import DataContract

from lakehouse_assets.contracts import SHIPPED, Kind, Parent, Severity, read_contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets_tests.contracts.support import child, column, faults, read, schema, things

Spoil = Callable[[dict[str, Any]], object]


def add(**prop: Any) -> Spoil:
    return lambda document: schema(document)["properties"].append(
        {"logicalType": "integer", "physicalType": "int", **prop}
    )


def change(name: str, **prop: Any) -> Spoil:
    return lambda document: column(document, name).update(prop)


def custom(**properties: Any) -> Spoil:
    return lambda document: schema(document).update(
        customProperties=[{"property": name, "value": value} for name, value in properties.items()]
    )


BOOLEAN = {"logicalType": "boolean", "physicalType": None}


def true_false(true: list[Any], false: list[Any]) -> list[dict[str, Any]]:
    return [{"property": "trueValues", "value": true}, {"property": "falseValues", "value": false}]


def test_the_shipped_contracts_come_parents_first() -> None:
    contracts = read_contracts()
    assert set(contracts) == {"products", "orders", "order_items"}
    assert list(contracts)[-1] == "order_items"
    items = contracts["order_items"]
    assert (items.keys, items.version, items.partition) == (("id",), "order_timestamp", "date")
    assert items.parents == (
        Parent(("order_id",), "orders", ("order_id",)),
        Parent(("product_id",), "products", ("product_id",)),
    )
    assert [column.name for column in items.columns if not column.required] == ["days_since_prior_order"]
    assert {rule.name: rule.severity for rule in contracts["orders"].rules} == {
        "order_id: minimum 0": Severity.REJECT,
        "user_id: minimum 0": Severity.REJECT,
        "total_amount: minimum 0": Severity.REJECT,
        "date: pattern": Severity.REJECT,
        "date_is_a_day": Severity.REJECT,
        "date_is_the_timestamps_day": Severity.WARN,
    }
    assert contracts["products"].version is None
    assert contracts["products"].partition == "department_id"


@pytest.mark.parametrize("document", sorted(path.name for path in SHIPPED.glob("*.odcs.yaml")))
def test_the_shipped_documents_pass_datacontract_lint(document: str) -> None:
    run = DataContract(data_contract_file=str(SHIPPED / document)).lint()
    assert run.result.value == "passed", [(check.name, check.reason) for check in run.checks or []]


def test_a_small_contract_reads_well(tmp_path: Path) -> None:
    contract = read(tmp_path, things=things())["things"]
    assert [(c.name, c.kind, c.required) for c in contract.columns] == [
        ("id", Kind.INT, True),
        ("label", Kind.STRING, True),
        ("price", Kind.DOUBLE, False),
        ("made_on", Kind.DATE, True),
    ]
    assert (contract.keys, contract.version, contract.partition, contract.parents, contract.rules) == (
        ("id",),
        None,
        None,
        (),
        (),
    )
    assert contract.document == "things.odcs.yaml"


def test_a_type_that_is_left_out_is_that_of_the_logical_type(tmp_path: Path) -> None:
    document = things()
    given = [
        ("integer", None, "int"),
        ("integer", "i16", "smallint"),
        ("integer", "i32", "int"),
        ("integer", "i64", "bigint"),
        ("number", None, "double"),
        ("number", "f32", "float"),
        ("number", "f64", "double"),
        ("boolean", None, "boolean"),
        ("string", None, "string"),
        ("date", None, "date"),
        ("timestamp", None, "timestamp"),
    ]
    for place, (logical, form, _) in enumerate(given):
        options = {"logicalTypeOptions": {"format": form}} if form else {}
        schema(document)["properties"].append({"name": f"c{place}", "logicalType": logical, **options})
    contract = read(tmp_path, things=document)["things"]
    assert [contract.column(f"c{place}").type for place in range(len(given))] == [wanted for _, _, wanted in given]


@pytest.mark.parametrize("written_as", ["decimal(10,2)", "DECIMAL(10, 2)", "Decimal (10,2)"])
def test_a_decimal_has_its_digits(tmp_path: Path, written_as: str) -> None:
    document = things()
    column(document, "price")["physicalType"] = written_as
    price = read(tmp_path, things=document)["things"].column("price")
    assert (price.kind, price.digits, price.type) == (Kind.DECIMAL, (10, 2), "decimal(10,2)")


def test_a_fourth_contract_takes_its_place_after_its_parents(tmp_path: Path) -> None:
    for path in SHIPPED.glob("*.odcs.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    contracts = read(tmp_path, a_returns=child("returns", "order_items.id", "item_id"))
    assert list(contracts)[-2:] == ["order_items", "returns"]
    assert contracts["returns"].parents == (Parent(("item_id",), "order_items", ("id",)),)
    assert contracts["returns"].parents[0].reason == "item_id: no such order_items.id"


STRUCTURE: dict[str, tuple[Spoil, str]] = {
    "another version of ODCS": (
        lambda d: d.update(apiVersion="v2.2.2"),
        "apiVersion is 'v2.2.2'; this project reads ODCS v3: write v3.1.0.",
    ),
    "two schema objects": (
        lambda d: d["schema"].append(d["schema"][0]),
        "must describe exactly one schema object: one document per dataset.",
    ),
    "no schema object": (
        lambda d: d.pop("schema"),
        "must describe exactly one schema object: one document per dataset.",
    ),
    "not an ODCS document": (
        lambda d: d.update(schema="things"),
        "schema must be a list: begin each entry with '- '.",
    ),
    "no columns": (lambda d: schema(d).pop("properties"), "schema has no properties (columns)."),
    "a dataset's name in capitals": (
        lambda d: schema(d).update(name="Things"),
        "schema name 'Things' must be lower-case letters, digits and '_', starting with a letter.",
    ),
    "a dataset without a name": (
        lambda d: schema(d).pop("name"),
        "schema name '' must be lower-case letters, digits and '_', starting with a letter.",
    ),
    "a dataset named as a folder of the lakehouse": (
        lambda d: schema(d).update(name="files"),
        "schema name files: the name is used by the lakehouse itself; choose another.",
    ),
    "a column with a space in its name": (
        add(name="my size"),
        "column name 'my size' must be lower-case letters, digits and '_', starting with a letter.",
    ),
    "a column that the tables have anyway": (
        add(name="batch_id"),
        "column batch_id: the name is used by the lakehouse itself; choose another.",
    ),
    "a column of an engine's own table": (
        add(name="rowid"),
        "column rowid: the name is used by the lakehouse itself; choose another.",
    ),
    "an unknown type": (
        add(name="size", physicalType="varchar(10)"),
        (
            "column size: physicalType 'varchar(10)' must be one of smallint, int, bigint, decimal(p,s), float, double,"
            " boolean, string, date, timestamp."
        ),
    ),
    "no type": (
        add(name="size", physicalType=None, logicalType=None),
        (
            "column size: has no type: set logicalType, or physicalType to one of smallint, int, bigint, decimal(p,s),"
            " float, double, boolean, string, date, timestamp."
        ),
    ),
    "a type that contradicts the logical one": (
        change("label", physicalType="double"),
        "column label: logicalType string and physicalType double contradict each other.",
    ),
    "a whole number with decimals": (
        add(name="size", physicalType="decimal(5,2)"),
        "column size: logicalType integer and physicalType decimal(5,2) contradict each other.",
    ),
    "a logical type that a file cannot hold": (
        add(name="size", logicalType="array", physicalType=None),
        (
            "column size: logicalType 'array' is not supported; use one of integer, number, boolean, string, date,"
            " timestamp."
        ),
    ),
    "a column of columns": (
        change("label", properties=[{"name": "part", "logicalType": "string"}]),
        "column label: properties, items and map are not supported: a CSV file has no nested values.",
    ),
    "a measure": (
        change("price", semanticType="measure"),
        "column price: semanticType 'measure' is not supported: each property is a column of the table.",
    ),
    "a decimal without digits": (
        change("price", physicalType="decimal"),
        (
            "column price: physicalType 'decimal': a decimal is decimal(p,s): p digits in all, 1 to 38, of which s are"
            " decimals, such as decimal(10,2)."
        ),
    ),
    "a decimal of too many digits": (
        change("price", physicalType="decimal(39,2)"),
        "column price: physicalType 'decimal(39,2)': a decimal is decimal(p,s): p digits in all, 1 to 38,",
    ),
    "more decimals than digits": (
        change("price", physicalType="decimal(2,3)"),
        "column price: physicalType 'decimal(2,3)': a decimal is decimal(p,s): p digits in all, 1 to 38,",
    ),
    "a width that there is not": (
        add(name="size", physicalType=None, logicalTypeOptions={"format": "u64"}),
        (
            "column size: logicalTypeOptions.format 'u64' must be one of i16, i32, i64; for other ranges use minimum"
            " and maximum."
        ),
    ),
    "two widths": (
        add(name="size", logicalTypeOptions={"format": "i64"}),
        "column size: logicalTypeOptions.format means bigint, but physicalType is int.",
    ),
    "true without false": (
        add(name="paid", **BOOLEAN, customProperties=[{"property": "trueValues", "value": ["Y"]}]),
        ("column paid: trueValues and falseValues need each other: the default of one may be a text of the other."),
    ),
    "a text for true and false": (
        add(name="paid", **BOOLEAN, customProperties=true_false(["Y", "x"], ["N", "x"])),
        "column paid: 'x' cannot mean both true and false.",
    ),
    "true that is not a text": (
        add(name="paid", **BOOLEAN, customProperties=true_false([True], ["no"])),
        "column paid: trueValues must be a list of texts in quotes, without line breaks, such as ['NULL', 'NA'].",
    ),
    "true of a number": (
        change("price", customProperties=true_false(["1"], ["0"])),
        "column price: trueValues and falseValues are for columns of type boolean.",
    ),
    "unique beside the key": (
        change("label", unique=True),
        "column label: only the key is checked for duplicates: set primaryKey, or remove unique.",
    ),
    "a column twice": (add(name="label"), "column label is described twice."),
    "no key": (change("id", primaryKey=False), "no column is primaryKey: one is needed to tell rows apart."),
    "a key that may be missing": (
        change("id", required=False),
        "key id must be required and of type bigint or int or smallint or string.",
    ),
    "a key of another type": (
        change("id", logicalType="number", physicalType="double"),
        "key id must be required and of type bigint or int or smallint or string.",
    ),
    "two partition columns": (
        lambda d: [column(d, n).update(partitioned=True) for n in ("id", "label")],
        "2 columns are partitioned (id, label); exactly one is supported.",
    ),
    "a partition that may be missing": (
        change("price", partitioned=True),
        "partition column price must be required and of type bigint or date or int or smallint or string.",
    ),
    "a version that is no column": (
        custom(version="changed_at"),
        "version column 'changed_at' is not among the columns.",
    ),
    "a version that is no name": (custom(version=["made_on"]), "version column ['made_on'] is not among the columns."),
    "a version of another type": (
        custom(version="label"),
        "version column label must be required and of type bigint or date or int or smallint or timestamp.",
    ),
    "unknown columns that are neither": (
        custom(unknownColumns="deny"),
        (
            "unknownColumns is 'deny'; the only value is 'allow': then more than half of a file's columns may be"
            " unknown to the contract."
        ),
    ),
    "no sample rows": (custom(sampleRows=0), "sampleRows is 0; it must be a whole number above 0."),
    "sample rows in words": (custom(sampleRows=True), "sampleRows is True; it must be a whole number above 0."),
    "a parent without a key": (
        add(name="owner_id", relationships=[{"to": "owners"}]),
        "column owner_id: relationship 'to' is 'owners'; write it as parent_dataset.key_column.",
    ),
    "a parent that has no contract": (
        add(name="owner_id", relationships=[{"to": "owners.id"}]),
        "column owner_id: parent dataset 'owners' has no contract.",
    ),
    "two parents of one column": (
        add(name="next_id", relationships=[{"to": "owners"}, {"to": "makers"}]),
        "column next_id: 2 relationships; a column has one parent.",
    ),
}


@pytest.mark.parametrize("case", STRUCTURE)
def test_a_fault_names_the_file_and_the_place(tmp_path: Path, case: str) -> None:
    spoil, expected = STRUCTURE[case]
    document = things()
    spoil(document)
    found = faults(tmp_path, things=document)
    assert any(fault.startswith(f"things.odcs.yaml: {expected}") for fault in found), found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("schema: [", "a value is expected: a '[' or '{' above is not closed, or there is a comma too many."),
        ("\x00", "the file has a control character, which YAML does not allow: delete it."),
        (
            "- a list",
            "the document is not a mapping: it must begin with 'apiVersion: v3.1.0' and 'kind: DataContract'.",
        ),
        ("", "the document is empty: it must begin with 'apiVersion: v3.1.0' and 'kind: DataContract'."),
        (
            "just text",
            "the document is not a mapping: it must begin with 'apiVersion: v3.1.0' and 'kind: DataContract'.",
        ),
    ],
)
def test_a_document_that_is_no_contract_at_all(tmp_path: Path, text: str, fault: str) -> None:
    assert faults(tmp_path, things=text) == [f"things.odcs.yaml: {fault}"]


def test_a_document_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "things.odcs.yaml").write_bytes("kind: DataContract\nname: Möbel".encode("latin-1"))
    with pytest.raises(BadConfiguration, match=r"things\.odcs\.yaml, line 2: the file is not UTF-8 from here on"):
        read_contracts(tmp_path)


def test_a_folder_without_contracts(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"No contract \(\*\.odcs\.yaml\) in .*LAKEHOUSE_CONTRACTS"):
        read_contracts(tmp_path)


def test_a_dataset_described_twice(tmp_path: Path) -> None:
    assert faults(tmp_path, a=things(), b=things()) == [
        "b.odcs.yaml: dataset things is described by a.odcs.yaml already."
    ]


def test_a_parents_column_that_is_not_its_key(tmp_path: Path) -> None:
    document = child("parts", "things.label")
    assert faults(tmp_path, things=things(), parts=document) == [
        "parts.odcs.yaml: column thing_id: things.label is not the key of things (id)."
    ]


def test_a_parents_key_of_another_type(tmp_path: Path) -> None:
    document = child("parts", "things.id")
    column(document, "thing_id")["logicalType"] = column(document, "thing_id")["physicalType"] = "string"
    assert faults(tmp_path, things=things(), parts=document) == [
        "parts.odcs.yaml: column thing_id and things.id must have the same type."
    ]


def test_datasets_that_are_each_others_parents(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, one=child("one", "two.id"), two=child("two", "one.id"))
    assert fault in {
        "the datasets are each other's parents: one -> two -> one.",
        "the datasets are each other's parents: two -> one -> two.",
    }


def test_a_dataset_that_is_its_own_parent(tmp_path: Path) -> None:
    assert faults(tmp_path, one=child("one", "one.id")) == ["the datasets are each other's parents: one -> one."]


def test_all_faults_of_all_documents_come_in_one_message(tmp_path: Path) -> None:
    first, second = things(), child("parts", "nobody.id")
    add(name="My Size")(first)
    add(name="size", physicalType="text")(first)
    change("label", logicalTypeOptions={"minimum": 3})(second)
    custom(version="price")(second)
    unreadable, *others = faults(tmp_path, things=first, parts=second, broken="[")
    assert (
        unreadable
        == "broken.odcs.yaml: a value is expected: a '[' or '{' above is not closed, or there is a comma too many."
    )
    assert others == [
        "parts.odcs.yaml: column label: minimum 3 needs a number, and a column of numbers.",
        "parts.odcs.yaml: version column price must be required and of type bigint or date or int or smallint or timestamp.",
        "things.odcs.yaml: column name 'My Size' must be lower-case letters, digits and '_', starting with a letter.",
        (
            "things.odcs.yaml: column size: physicalType 'text' must be one of smallint, int, bigint, decimal(p,s),"
            " float, double, boolean, string, date, timestamp."
        ),
    ]


def test_a_parent_whose_own_document_is_broken_is_not_called_missing(tmp_path: Path) -> None:
    spoiled = things()
    add(name="My Size")(spoiled)
    [fault] = faults(tmp_path, things=spoiled, parts=child("parts", "things.id"))
    assert fault.startswith("things.odcs.yaml: column name 'My Size'")
