"""All faults of a document come at once, each with its line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.contracts.reader import examine

DOCUMENT = """\
apiVersion: v3.1.0
kind: DataContract
name: things
schema:
  - name: things
    customProperties:
      - {property: version, value: made_on}
    quality:
      - name: dear
        type: custom
        engine: lakehouse
        severity: warn
        implementation: "price > 100"
    properties:
      - name: id
        physicalType: int
        required: true
        primaryKey: true
      - name: label
        physicalType: string
        required: true
        logicalTypeOptions:
          maxLength: 80
      - name: price
        physicalType: double
      - name: made_on
        physicalType: date
        required: true
"""


def found(tmp_path: Path, *changes: tuple[str, str]) -> list[tuple[int | None, str]]:
    """The line and text of each fault of the document, after these replacements."""
    text = DOCUMENT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "things.odcs.yaml"
    path.write_text(text)
    return [(fault.line, fault.text) for fault in examine([path])[1].in_order()]


def test_a_good_document_has_no_fault(tmp_path: Path) -> None:
    assert found(tmp_path) == []
    assert examine(sorted(SHIPPED.glob("*.odcs.yaml")))[1].found == []


def test_faults_of_form_of_words_and_of_meaning_come_together(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        ("name: things\n", "name: 2025\n"),
        ("severity: warn", "severity: loud"),
        ("primaryKey: true", "primarykey: true"),
        ("physicalType: string", "physicalType: varchar"),
        ("physicalType: double", "physicalType: double\n        required: perhaps"),
        ("physicalType: date\n        required: true", "physicalType: date"),
    ) == [
        (3, "name must be a text: put it in quotes."),
        (12, "quality rule dear: severity 'loud' must be reject or warn."),
        (18, "column id: 'primarykey' is not a word of ODCS here; did you mean 'primaryKey'?"),
        (
            20,
            (
                "column label: physicalType 'varchar' must be one of smallint, int, bigint, decimal(p,s), float,"
                " double, boolean, string, date, timestamp."
            ),
        ),
        (26, "column price: required must be true or false."),
        (27, "version column made_on must be required and of type bigint or date or int or smallint or timestamp."),
    ]


def test_the_line_is_that_of_the_word_which_is_wrong(tmp_path: Path) -> None:
    cases = {
        ("maxLength: 80", "maxLength: many"): 23,
        ("name: label", "name: Label"): 19,
        ("name: label", "name: id"): 19,
        ('"price > 100"', '"prize > 100"'): 13,
        ('"price > 100"', '"price / label > 1"'): 13,
        ("value: made_on", "value: changed_at"): 7,
        ("physicalType: double", "physicalType: double\n        primaryKey: true"): 26,
        ("apiVersion: v3.1.0", "apiVersion: v2.0.0"): 1,
        ("  - name: things\n", "  - name: Things\n"): 5,
    }
    for change, line in cases.items():
        assert [place for place, _ in found(tmp_path, change)][:1] == [line], change


def test_faults_of_files_forms_and_calculated_columns_come_together_with_their_lines(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        (
            "schema:\n",
            "servers:\n  - {server: till, type: custom, encoding: ebcdic}\n"
            "  - {server: shop, type: custom,\n    path: ../shop, encodin: utf-16}\nschema:\n",
        ),
        (
            "      - {property: version, value: made_on}\n",
            "      - {property: version, value: month}\n      - {property: missingValues, value: [0]}\n",
        ),
        (
            "          maxLength: 80\n",
            "          maxLength: 80\n        customProperties:\n          - {property: missingValues, value: [NA]}\n"
            "          - {property: decimalChar, value: ','}\n        synonyms:\n          - {synonim: Name}\n",
        ),
        ("      - name: price\n", "      - name: price\n        physicalName: ID\n"),
        (
            "        physicalType: date\n        required: true\n",
            "        physicalType: date\n        required: true\n        logicalTypeOptions:\n          format: dd.MM.\n"
            "      - name: month\n        logicalType: date\n        required: true\n        synonyms: []\n"
            "        transformLogic: id / 0\n        primaryKey: true\n",
        ),
    ) == [
        (5, "server till: encoding 'ebcdic' must be one of utf-8, windows-1252, iso-8859-1, iso-8859-15, utf-16."),
        (7, "server shop: 'encodin' is not a word of ODCS here; did you mean 'encoding'?"),
        (
            12,
            ("schema: missingValues must be a list of texts in quotes, without line breaks, such as ['NULL', 'NA']."),
        ),
        (31, "column label: decimalChar is for columns of numbers."),
        (33, "column label: 'synonim' is not a word of ODCS here; did you mean 'synonym'?"),
        (
            35,
            (
                "column price: its name in files 'ID' (physicalName or a synonym) means column id, too: give each"
                " column names of its own."
            ),
        ),
        (41, "column made_on: logicalTypeOptions.format 'dd.MM.' lacks the year."),
        (42, "version column month must be a column of the files, not a calculated one."),
        (
            46,
            (
                "column month: transformLogic: `id / 0` fails if the divisor is 0: write the divisor as nullif(…, 0)."
                " (To say in words where a value is from, use transformDescription.)"
            ),
        ),
        (47, "column month: primaryKey is for columns of the files, and this one is calculated (transformLogic)."),
        (47, "key month must be required and of type bigint or int or smallint or string."),
    ]


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("        required: true\n        logical", "\trequired: true\n        logical"), 21, "indented with a tab"),
        (("name: label", "name: label: of a thing"), 19, "put the value in quotes"),
        (("value: made_on}", "value: made_on"), 8, "a '{' is not closed"),
        (("physicalType: double", "physicalType: 'double"), 25, "a quote is opened here"),
        (("maxLength: 80", "maxLength: *eighty"), 23, "begins with * refers"),
        (("severity: warn", "severity: warn\n       method: x"), 13, "indent the line as"),
        (("physicalType: double", "physicalType: double\n        physicalType: int"), 26, "written twice"),
    ],
)
def test_a_fault_of_yaml_has_its_line_and_says_what_to_write(
    tmp_path: Path, change: tuple[str, str], line: int, words: str
) -> None:
    first, *_ = found(tmp_path, change)
    assert first[0] == line
    assert words in first[1]


def test_the_columns_before_a_fault_of_yaml_are_checked_as_well(tmp_path: Path) -> None:
    lines = [
        line
        for line, _ in found(
            tmp_path,
            ("physicalType: int", "physicalType: integer"),
            ("maxLength: 80", "maximumLength: 80"),
            ("name: price", "name: price: of a thing"),
        )
    ]
    assert lines == [16, 24]
    assert [
        line
        for line, _ in found(
            tmp_path,
            ("physicalType: int", "physicalType: integer"),
            ("maxLength: 80", "maximumLength: 80"),
            ("name: made_on", "name: made_on: of a thing"),
        )
    ] == [16, 23, 26]


def test_no_fault_quotes_a_library(tmp_path: Path) -> None:
    for change in [
        ("schema:\n", "schema: 5\nothers:\n"),
        ("required: true", "required: [1]"),
        ("maxLength: 80", "maxLength: {a: 1}"),
        ("    properties:", "    properties: none\n    others:"),
        ("  - name: things\n", "  - things\n  - name: things\n"),
        ("        logicalTypeOptions:\n          maxLength: 80", "        logicalTypeOptions: 80"),
        ("severity: warn", "severity: 3"),
        ("        logicalTypeOptions:\n", "        enum: [1, 2]\n        logicalTypeOptions:\n"),
    ]:
        texts = " ".join(text for _, text in found(tmp_path, change))
        assert texts
        assert not any(word in texts for word in ("Input should", "validation", "pydantic", "yaml.", "None")), texts
