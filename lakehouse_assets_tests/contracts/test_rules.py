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


def as_decimal(document: dict[str, Any], physical: str = "decimal(5,2)") -> dict[str, Any]:
    column(document, "price")["physicalType"] = physical
    return document


def as_boolean(document: dict[str, Any]) -> dict[str, Any]:
    column(document, "price").update(logicalType="boolean", physicalType="boolean")
    return document


NO_PREDICATE = "it must be one predicate that is TRUE or FALSE for a row."
DIFFERS = "which the engines read differently, or which one of them does not support."
NO_LIMIT = "repeats a group without a limit, or more than 999 times: a long text would crash Spark. Give a limit, such as {0,99}."
RULES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown option": (
        with_options("price", multipleOf=2),
        "column price: logicalTypeOptions.multipleOf is not supported; use ",
    ),
    "an option that nothing would obey": (
        with_options("price", multipleOf=2),
        "column price: logicalTypeOptions.multipleOf is not supported; use ",
    ),
    "a time zone": (
        with_options("made_on", defaultTimezone="UTC"),
        "column made_on: logicalTypeOptions.defaultTimezone is for columns of type timestamp.",
    ),
    "a bound of text": (
        with_options("price", minimum="0"),
        "column price: minimum '0' needs a number, and a column of numbers.",
    ),
    "a bound that is no number": (
        with_options("price", maximum=float("nan")),
        "column price: maximum nan needs a number, and a column of numbers.",
    ),
    "a bound that is yes or no": (
        with_options("price", exclusiveMinimum=True),
        "column price: exclusiveMinimum True needs a number",
    ),
    "a bound of a text column": (
        with_options("label", exclusiveMaximum=3),
        "column label: exclusiveMaximum 3 needs a number",
    ),
    "a length in words": (
        with_options("label", minLength="two"),
        "column label: minLength 'two' needs a whole number, and a column of type string.",
    ),
    "a length of a number": (
        with_options("price", maxLength=3),
        "column price: maxLength 3 needs a whole number, and a column of type string.",
    ),
    "a pattern of a number": (
        with_options("price", pattern="1"),
        "column price: a pattern needs a column of type string.",
    ),
    "a broken pattern": (
        with_options("label", pattern="("),
        "column label: pattern '(' is not a regular expression: it cannot be read from '(' on. Close each bracket, and"
        " put a backslash before a sign that means itself.",
    ),
    "look-around": (
        with_options("label", pattern="(?=a)"),
        "column label: pattern '(?=a)' uses a look-around or a flag.",
    ),
    "a flag": (with_options("label", pattern="(?i)a"), "column label: pattern '(?i)a' uses a look-around or a flag."),
    "a back reference": (
        with_options("label", pattern=r"(a)\1"),
        rf"column label: pattern '(a)\\1' uses `\1`, {DIFFERS}",
    ),
    "a word's end": (with_options("label", pattern=r"a\b"), rf"column label: pattern 'a\\b' uses `\b`, {DIFFERS}"),
    "a possessive quantifier": (
        with_options("label", pattern="a++"),
        "column label: pattern 'a++' uses a possessive quantifier.",
    ),
    "a group without a limit": (with_options("label", pattern="(-a)*"), f"column label: pattern '(-a)*' {NO_LIMIT}"),
    "groups whose limits are too many together": (
        with_options("label", pattern="((a|b){99}-){99}"),
        f"column label: pattern '((a|b){{99}}-){{99}}' {NO_LIMIT}",
    ),
    "a brace that counts nothing": (
        with_options("label", pattern="a{,3}"),
        "column label: pattern 'a{,3}' has a `{` without a count: write it as `\\{`",
    ),
    "a bracket that begins a class": (
        with_options("label", pattern="[]a]"),
        "column label: pattern '[]a]' has a `]` that begins a class",
    ),
    "the end of text as Python writes it": (
        with_options("label", pattern=r"a\Z"),
        rf"column label: pattern 'a\\Z' uses `\Z`, {DIFFERS}",
    ),
    "a class in a class": (
        with_options("label", pattern="[[:alpha:]]"),
        "column label: pattern '[[:alpha:]]' has a `[` in a class: write it as `\\[`.",
    ),
    "too many repeats": (
        with_options("label", pattern="a{1001}"),
        "column label: pattern 'a{1001}' repeats something more than 999 times.",
    ),
    "numbers allowed of a text": (
        with_enum("label", "a", 7),
        "column label: enum has 7, which a column of type string cannot hold (put text in quotes).",
    ),
    "text allowed of a number": (
        with_enum("id", 1, "2"),
        "column id: enum has '2', which a column of type int cannot hold (put text in quotes).",
    ),
    "more digits allowed than a decimal has": (
        as_decimal(with_enum("price", 1.5, 1.005)),
        "column price: enum has 1.005, which a column of type decimal(5,2) cannot hold",
    ),
    "a bound of more digits than a decimal has": (
        as_decimal(with_options("price", maximum=1000)),
        "column price: maximum 1000 has more digits than decimal(5,2).",
    ),
    "a decimal with which the engines do not calculate alike": (
        as_decimal(with_rule(implementation="price > 1"), "decimal(16,2)"),
        "quality rule dear: price has more than 15 digits, with which the engines do not calculate alike",
    ),
    "a decimal as a text": (
        as_decimal(with_rule(implementation="length(price) > 1")),
        "quality rule dear: `LENGTH(price)` reads a value as a text which the engines write differently.",
    ),
    "a boolean compared with a number": (
        as_boolean(with_rule(implementation="price = 1")),
        "quality rule dear: `price = 1` compares a boolean with a number",
    ),
    "an allowed value of a boolean": (
        as_boolean(with_enum("price", True)),
        "column price: enum has True, which a column of type boolean cannot hold",
    ),
    "fractions allowed of a whole number": (
        with_enum("id", 1.5),
        "column id: enum has 1.5, which a column of type int cannot hold (put text in quotes).",
    ),
    "values allowed of a date": (
        with_enum("made_on", "2025-04-01"),
        "column made_on: enum has '2025-04-01', which a column of type date cannot hold",
    ),
    "a quality rule for another tool": (
        with_rule(engine="soda"),
        "quality rule dear: a row rule needs 'type: custom' and 'engine: lakehouse'.",
    ),
    "a quality rule of the library": (
        with_rule(type="library"),
        "quality rule dear: a row rule needs 'type: custom' and 'engine: lakehouse'.",
    ),
    "a rule without a name": (
        with_rule(name=None),
        "quality rule '': a name is letters, digits, spaces and _ . , : ( ) -, up to 80 characters.",
    ),
    "a rule's name that SQL could not quote": (
        with_rule(name="it's dear"),
        'quality rule "it\'s dear": a name is letters',
    ),
    "a rule's name that would be split": (with_rule(name="dear; odd"), "quality rule 'dear; odd': a name is letters"),
    "an unknown severity": (with_rule(severity="error"), "quality rule dear: severity 'error' must be reject or warn."),
    "no implementation": (with_rule(implementation=None), "quality rule dear: implementation must be a SQL predicate."),
    "no SQL": (with_rule(implementation="price >"), "quality rule dear: 'price >' is not a SQL expression: it "),
    "an unknown column": (
        with_rule(implementation="cost > 1 AND size > 1"),
        "quality rule dear: no such column: cost, size.",
    ),
    "a column of another table": (
        with_rule(implementation="orders.price > 1"),
        "quality rule dear: no such column: orders.price.",
    ),
    "a subquery": (
        with_rule(implementation="price > (SELECT 1)"),
        "quality rule dear: a row rule sees one row: it cannot have a subquery, an aggregate or a window.",
    ),
    "an aggregate": (
        with_rule(implementation="price > avg(price)"),
        "quality rule dear: a row rule sees one row: it cannot have a subquery, an aggregate or a window.",
    ),
    "a window": (
        with_rule(implementation="row_number() OVER () > 1"),
        "quality rule dear: a row rule sees one row: it cannot have a subquery, an aggregate or a window.",
    ),
    "an unknown function": (
        with_rule(implementation="dearness(price) > 1"),
        "quality rule dear: the engines may give different results for dearness, or the result may change over time.",
    ),
    "the time of day": (
        with_rule(implementation="made_on <= current_date()"),
        "quality rule dear: the engines may give different results for current_date, or",
    ),
    "chance": (
        with_rule(implementation="price > rand()"),
        "quality rule dear: the engines may give different results for rand, or the result may change over time.",
    ),
    "a function on which they differ": (
        with_rule(implementation="upper(label) = 'A'"),
        "quality rule dear: the engines may give different results for upper, or",
    ),
    "a divisor that may be 0": (
        with_rule(implementation="price / id > 1"),
        "quality rule dear: `price / id` fails if the divisor is 0: write the divisor as nullif(…, 0)",
    ),
    "a day taken for a number": (
        with_rule(implementation="made_on - 1 > made_on"),
        "quality rule dear: `made_on - 1` calculates with a value that is not a number",
    ),
    "a cast that may fail": (
        with_rule(implementation="CAST(label AS INT) > 1"),
        "quality rule dear: `CAST(label AS INT)` may fail, or give different results in",
    ),
    "text compared with a number": (
        with_rule(implementation="label > 5"),
        "quality rule dear: `label > 5` compares a number with a text: convert both to one type",
    ),
    "a day compared with text": (
        with_rule(implementation="made_on > '2025-01-01'"),
        "quality rule dear: `made_on > '2025-01-01'` compares a date with a text",
    ),
    "a day that is none": (
        with_rule(implementation="made_on > DATE '2025-02-30'"),
        "quality rule dear: '2025-02-30' is not a date or timestamp.",
    ),
    "a text taken for a day": (
        with_rule(implementation="year(label) > 1"),
        "quality rule dear: to_date fails on a text that is not a date: write try_cast",
    ),
    "an escape in LIKE": (
        with_rule(implementation="label LIKE 'a\\\\_b'"),
        "quality rule dear: LIKE needs a text without backslashes",
    ),
    "a text from before its start": (
        with_rule(implementation="substring(label, 0, 2) = 'a'"),
        "quality rule dear: substring must start at a number from 1 up",
    ),
    "a pattern that is a column": (
        with_rule(implementation="label RLIKE label"),
        "quality rule dear: RLIKE needs its pattern as a text, not a column.",
    ),
    "a pattern that differs": (
        with_rule(implementation="label RLIKE '(a|b)+'"),
        f"quality rule dear: pattern '(a|b)+' {NO_LIMIT}",
    ),
    "a comment": (
        with_rule(implementation="price > 1 -- euros"),
        "quality rule dear: move the comment to the rule's description: more SQL follows the predicate.",
    ),
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
        Rule(
            "label: not an allowed value",
            r"`label` IN ('it\'s', 'back\\slash')",
            reject,
            "label is one of it's, back\\slash.",
        ),
        Rule("price: maximum 1000000.0", "`price` <= 1000000.0", reject, "price is at most 1000000.0."),
        Rule("price: exclusiveMinimum 0", "`price` > 0", reject, "price is above 0."),
        Rule("dear", "price > 100", Severity.WARN, "More than most."),
    )
