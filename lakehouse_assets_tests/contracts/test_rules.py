"""What a contract can get wrong in its rules, and that what passes means the same in both engines' SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts import Rule, Severity
from lakehouse_assets_tests.contracts.support import RULE, column, faults, read, schema, things


def with_options(name: str, **options: Any) -> dict[str, Any]:
    document = things()
    column(document, name)["logicalTypeOptions"] = options
    return document


def with_enum(name: str, *values: Any) -> dict[str, Any]:
    document = things()
    column(document, name)["enum"] = [{"value": value} for value in values]
    return document


def with_rule(**changes: Any) -> dict[str, Any]:
    document = things()
    schema(document)["quality"] = [{name: value for name, value in {**RULE, **changes}.items() if value is not None}]
    return document


NO_PREDICATE = "it must be one predicate, TRUE or FALSE of a row."
PATTERN_DIFFERS = (
    "uses look-around, back references, possessive quantifiers, nested classes, more than 999 repeats or \\p, \\u, \\x, \\Z: the engines read them differently."
)
RULES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown option": (with_options("price", multipleOf=2), "column price: logicalTypeOptions.multipleOf is not supported; use "),
    "a bound of text": (with_options("price", minimum="0"), "column price: minimum '0' needs a number, and a column of type int, bigint or double."),
    "a bound that is no number": (
        with_options("price", maximum=float("nan")),
        "column price: maximum nan needs a number, and a column of type int, bigint or double.",
    ),
    "a bound that is yes or no": (with_options("price", exclusiveMinimum=True), "column price: exclusiveMinimum True needs a number"),
    "a bound of a text column": (with_options("label", exclusiveMaximum=3), "column label: exclusiveMaximum 3 needs a number"),
    "a length in words": (with_options("label", minLength="two"), "column label: minLength 'two' needs a whole number, and a column of type string."),
    "a length of a number": (with_options("price", maxLength=3), "column price: maxLength 3 needs a whole number, and a column of type string."),
    "a pattern of a number": (with_options("price", pattern="1"), "column price: a pattern needs a column of type string."),
    "a broken pattern": (
        with_options("label", pattern="("),
        "column label: pattern '(' is no regular expression: missing ), unterminated subpattern at position 0.",
    ),
    "look-around": (with_options("label", pattern="(?=a)"), f"column label: pattern '(?=a)' {PATTERN_DIFFERS}"),
    "a back reference": (with_options("label", pattern=r"(a)\1"), rf"column label: pattern '(a)\\1' {PATTERN_DIFFERS}"),
    "a possessive quantifier": (with_options("label", pattern="a++"), f"column label: pattern 'a++' {PATTERN_DIFFERS}"),
    "the end of text as Python writes it": (with_options("label", pattern=r"a\Z"), rf"column label: pattern 'a\\Z' {PATTERN_DIFFERS}"),
    "a class in a class": (with_options("label", pattern="[[:alpha:]]"), f"column label: pattern '[[:alpha:]]' {PATTERN_DIFFERS}"),
    "too many repeats": (with_options("label", pattern="a{1001}"), f"column label: pattern 'a{{1001}}' {PATTERN_DIFFERS}"),
    "numbers allowed of a text": (with_enum("label", "a", 7), "column label: enum holds 7: a column of type string cannot be that (put text in quotes)."),
    "text allowed of a number": (with_enum("id", 1, "2"), "column id: enum holds '2': a column of type int cannot be that (put text in quotes)."),
    "fractions allowed of a whole number": (with_enum("id", 1.5), "column id: enum holds 1.5: a column of type int cannot be that (put text in quotes)."),
    "values allowed of a date": (with_enum("made_on", "2025-04-01"), "column made_on: enum holds '2025-04-01': a column of type date cannot be that"),
    "a quality rule for another tool": (with_rule(engine="soda"), "quality rule dear: only 'type: custom' with 'engine: lakehouse' is a row rule here."),
    "a quality rule of the library": (with_rule(type="library"), "quality rule dear: only 'type: custom' with 'engine: lakehouse' is a row rule here."),
    "a rule without a name": (with_rule(name=None), "quality rule '': a name is letters, digits, spaces and _ . , : ( ) -, up to 80 characters."),
    "a rule's name that SQL could not quote": (with_rule(name="it's dear"), 'quality rule "it\'s dear": a name is letters'),
    "a rule's name that would be split": (with_rule(name="dear; odd"), "quality rule 'dear; odd': a name is letters"),
    "an unknown severity": (with_rule(severity="error"), "quality rule dear: severity 'error' must be reject or warn."),
    "no implementation": (with_rule(implementation=None), "quality rule dear: implementation must be a SQL predicate."),
    "no SQL": (with_rule(implementation="price >"), "quality rule dear: 'price >' is no SQL predicate: "),
    "an unknown column": (with_rule(implementation="cost > 1 AND size > 1"), "quality rule dear: no such column: cost, size."),
    "a column of another table": (with_rule(implementation="orders.price > 1"), "quality rule dear: no such column: orders.price."),
    "a subquery": (with_rule(implementation="price > (SELECT 1)"), "quality rule dear: a row rule looks at one row: no subquery, aggregate or window."),
    "an aggregate": (with_rule(implementation="price > avg(price)"), "quality rule dear: a row rule looks at one row: no subquery, aggregate or window."),
    "a window": (with_rule(implementation="row_number() OVER () > 1"), "quality rule dear: a row rule looks at one row: no subquery, aggregate or window."),
    "an unknown function": (with_rule(implementation="dearness(price) > 1"), "quality rule dear: not a function of both engines: dearness."),
    "a comment": (with_rule(implementation="price > 1 -- euros"), "quality rule dear: write the comment as its description: SQL follows the predicate."),
    "two statements": (with_rule(implementation="price > 1; DROP TABLE things"), f"quality rule dear: {NO_PREDICATE}"),
    "a number for a predicate": (with_rule(implementation="price + 1"), f"quality rule dear: {NO_PREDICATE}"),
    "a column for a predicate": (with_rule(implementation="label"), f"quality rule dear: {NO_PREDICATE}"),
}


@pytest.mark.parametrize("case", RULES)
def test_a_fault_names_the_file_and_the_column_or_rule(tmp_path: Path, case: str) -> None:
    document, expected = RULES[case]
    [fault] = faults(tmp_path, things=document)
    assert fault.startswith(f"things.odcs.yaml: {expected}")


def test_two_rules_of_one_name(tmp_path: Path) -> None:
    document = things()
    schema(document)["quality"] = [RULE, {**RULE, "implementation": "price > 1"}]
    assert faults(tmp_path, things=document) == ["things.odcs.yaml: two rules are named 'dear'."]


def test_the_rules_of_a_contract_in_the_order_of_its_columns(tmp_path: Path) -> None:
    document = things()
    column(document, "price")["logicalTypeOptions"] = {"exclusiveMinimum": 0, "maximum": 1e6}
    column(document, "label")["logicalTypeOptions"] = {"minLength": 2, "maxLength": 9, "pattern": "^[a-z']+$"}
    column(document, "label")["enum"] = [{"value": "it's"}, {"value": "back\\slash"}]
    column(document, "price")["quality"] = [{**RULE, "description": "More than\n  most."}]
    reject = Severity.REJECT
    assert read(tmp_path, things=document)["things"].rules == (
        Rule("label: minLength 2", "length(`label`) >= 2", reject, "label has at least 2 characters."),
        Rule("label: maxLength 9", "length(`label`) <= 9", reject, "label has at most 9 characters."),
        Rule("label: pattern", r"`label` RLIKE '^[a-z\']+\\z'", reject, "label matches ^[a-z']+$."),
        Rule("label: not an allowed value", r"`label` IN ('it\'s', 'back\\slash')", reject, "label is one of it's, back\\slash."),
        Rule("price: maximum 1000000.0", "`price` <= 1000000.0", reject, "price is at most 1000000.0."),
        Rule("price: exclusiveMinimum 0", "`price` > 0", reject, "price is above 0."),
        Rule("dear", "price > 100", Severity.WARN, "More than most."),
    )
