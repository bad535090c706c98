"""What a contract says of a column's values in the files: their names, forms, encodings, missing values; and columns
that are calculated.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts.model import NumberForm, TimeForm
from lakehouse_assets_tests.contracts.support import column, read, schema, things

Change = Callable[[dict[str, Any]], object]


def properties(**values: Any) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in values.items()]


def add(name: str, **words: Any) -> Change:
    return lambda document: schema(document)["properties"].append({"name": name, **words})


def change(name: str, **words: Any) -> Change:
    return lambda document: column(document, name).update(words)


def number(**values: Any) -> Change:
    return change("price", customProperties=properties(**values))


def moment(*, custom: dict[str, Any] | None = None, **options: Any) -> Change:
    return add(
        "seen_at", logicalType="timestamp", logicalTypeOptions=options, customProperties=properties(**(custom or {}))
    )


def servers(*entries: dict[str, Any]) -> Change:
    return lambda document: document.update(servers=[{"server": "shop", "type": "custom", **each} for each in entries])


def calculated(expression: str, logical: str = "date", **words: Any) -> Change:
    return add("extra", logicalType=logical, transformLogic=expression, **words)


def test_a_columns_missing_values_are_those_of_the_schema_unless_it_has_its_own(tmp_path: Path) -> None:
    document = things()
    schema(document)["customProperties"] = properties(missingValues=["NULL", "\\N"])
    change("price", customProperties=properties(missingValues=["-"]))(document)
    change("label", customProperties=properties(missingValues=[]))(document)
    contract = read(tmp_path, things=document)["things"]
    assert [column.missing_values for column in contract.columns] == [("NULL", "\\N"), (), ("-",), ("NULL", "\\N")]


def test_a_columns_names_in_files_are_its_physical_name_and_its_synonyms(tmp_path: Path) -> None:
    document = things()
    change("label", physicalName="Lineitem name", synonyms=[{"synonym": "LABEL"}, {"synonym": "Title"}])(document)
    assert read(tmp_path, things=document)["things"].aliases == (
        ("Lineitem name", "label"),
        ("LABEL", "label"),
        ("Title", "label"),
    )


def test_forms_are_read_from_the_words_of_the_standard_and_from_custom_properties(tmp_path: Path) -> None:
    document = things()
    number(decimalChar=",", groupChar=".")(document)
    moment(format="dd.MM.yyyy HH:mm z", custom={"zoneNames": {"CET": "+01:00"}})(document)
    add("day", logicalType="timestamp", logicalTypeOptions={"defaultTimezone": "Europe/Berlin"})(document)
    add("entered", logicalType="timestamp", customProperties=properties(unixTime="seconds"))(document)
    contract = read(tmp_path, things=document)["things"]
    assert [column.form for column in contract.columns[2:]] == [
        NumberForm(",", "."),
        None,
        TimeForm("dd.MM.yyyy HH:mm z", zone_names=(("CET", "+01:00"),)),
        TimeForm(zone="Europe/Berlin"),
        TimeForm(unix="seconds"),
    ]


def test_the_longest_folder_decides_the_encoding_of_a_file(tmp_path: Path) -> None:
    document = things()
    servers({"encoding": "Windows-1252"}, {"encoding": "UTF-16", "path": "north"}, {"path": "no encoding"})(document)
    contract = read(tmp_path, things=document)["things"]
    found = [contract.encoding_of(name) for name in ("a.csv", "north.csv", "north/a.csv", "north/b/a.csv")]
    assert found == ["windows-1252", "windows-1252", "utf-16", "utf-16"]


def test_a_calculated_column_is_of_the_table_and_not_of_the_files(tmp_path: Path) -> None:
    document = things()
    calculated("CAST(date_trunc('MONTH', made_on) AS DATE)", required=True, partitioned=True)(document)
    contract = read(tmp_path, things=document)["things"]
    assert (contract.partition, contract.column("extra").sources) == ("extra", ("made_on",))
    assert (contract.names[-1], contract.file_names) == ("extra", ("id", "label", "price", "made_on"))
    assert "extra" not in (*contract.required_names, *contract.kept_names)


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("CAST(date_trunc('MONTH', made_on) AS DATE)", "date"),
        ("date_format(made_on, 'yyyy-MM')", "string"),
        ("year(made_on)", "int"),
        ("year(made_on)", "bigint"),
        ("id * 2", "double"),
        ("id", "int"),
        ("length(label)", "double"),
        ("label LIKE 'a%'", "boolean"),
        ("date_trunc('DAY', CAST(made_on AS DATE))", "timestamp"),
        ("CASE WHEN id > 3 THEN 'many' ELSE 'few' END", "string"),
        ("concat(label, '-', label)", "string"),
    ],
)
def test_an_expression_of_the_columns_type_is_taken(tmp_path: Path, expression: str, type_: str) -> None:
    document = things()
    add("extra", physicalType=type_, transformLogic=expression)(document)
    assert read(tmp_path, things=document)["things"].column("extra").derived
