"""For any texts, the typed values of an engine, and the rows that it rejects, are those of the reference: every type,
and every form that a contract can declare.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.contracts.support import read, things
from lakehouse_assets_tests.etl.reference import Dataset, Values, judge
from lakehouse_assets_tests.etl.reference_forms import formatted, in_zone, marked, unix_time, with_zone_name
from lakehouse_assets_tests.etl.reference_values import (
    PARSERS,
    Parser,
    decimal,
    floating,
    moment,
    single,
    truth,
    whole_number,
)
from lakehouse_assets_tests.etl.support import Given, House, csv_text

ROWS = 60
"""For each column."""
LETTERS = "0123456789+-.,:' eE%TZ/"


@dataclass(frozen=True)
class Written:
    """A column as the contract describes it, the reference's parser of it, and texts from which others are made."""

    column: dict[str, Any]
    parse: Parser
    texts: tuple[str, ...]
    missing: tuple[str, ...] = ()


def typed(physical: str, *texts: str) -> Written:
    return Written({"physicalType": physical}, PARSERS[physical], texts)


def missing(physical: str, words: tuple[str, ...], *texts: str) -> Written:
    column = {"physicalType": physical, "customProperties": [{"property": "missingValues", "value": [*words]}]}
    return Written(column, PARSERS[physical], (*texts, *words), words)


def number(physical: str, parse: Parser, *texts: str, **words: Any) -> Written:
    """A number of which the reference rewrites the marks, by `words`."""
    point, group, percent = words.get("decimalChar", "."), words.get("groupChar", ""), "percent" in words
    properties = [{"property": word, "value": value} for word, value in words.items()]
    return Written(
        {"physicalType": physical, "customProperties": properties}, marked(parse, point, group, percent=percent), texts
    )


def time(logical: str, letters: str, directives: str, *texts: str) -> Written:
    column = {"logicalType": logical, "logicalTypeOptions": {"format": letters}}
    return Written(column, formatted(letters, directives, days=logical == "date"), texts)


def local(zone: str, options: dict[str, str], directives: str | None, *texts: str) -> Written:
    column = {"logicalType": "timestamp", "logicalTypeOptions": {"defaultTimezone": zone, **options}}
    parse = formatted(options["format"], directives, days=False) if directives else moment
    return Written(column, in_zone(zone, parse), texts)


def unix(unit: str, *texts: str) -> Written:
    column = {"logicalType": "timestamp", "customProperties": [{"property": "unixTime", "value": unit}]}
    return Written(column, unix_time(unit), texts)


COLUMNS = {
    "a_smallint": typed("smallint", "7", "-32768", "32768", "+012.0"),
    "an_int": typed("int", "7", "2147483647", "-2147483649", "15.00"),
    "a_bigint": typed("bigint", "9223372036854775807", "9223372036854775808", "-1"),
    "a_decimal": typed("decimal(7,2)", "12345.67", "0.10", "-.5", "99999.995", "100000", "7."),
    "a_long_decimal": typed("decimal(38,0)", "9" * 38, "9" * 39, "-1.0"),
    "a_fraction": typed("decimal(3,3)", "0.125", ".5", "0.1250", "1", "-0.001"),
    "a_float": typed("float", "0.1", "16777217", "3.5e38", "-1e-3"),
    "a_double": typed("double", "0.1", "-1.5e300", "1e10", "12."),
    "a_boolean": typed("boolean", "true", "False", "1", "0", "yes"),
    "a_yes_or_no": Written(
        {
            "logicalType": "boolean",
            "customProperties": [
                {"property": "trueValues", "value": ["Y", "yes!", "(+)"]},
                {"property": "falseValues", "value": ["N", "no.", "\\-"]},
            ],
        },
        truth("Y yes! (+)", "N no. \\-"),
        ("Y", "N", "yes!", "no.", "nox", "(+)", "\\-", "true"),
    ),
    "a_date": typed("date", "2025-04-01", "2024-02-29", "2025-02-29"),
    "a_timestamp": typed("timestamp", "2025-04-01T11:27:00", "2025-04-01 23:59:59.5 +0200", "2025-04-01 11:27:00 UTC"),
    "a_string": typed("string", "Atlas", "NULL", "a b"),
    "an_int_or_null": missing("int", ("NULL", "\\N", "-", "n/a."), "7", "-7"),
    "a_string_or_null": missing("string", ("NULL", "(none)"), "Atlas", "null"),
    "a_date_or_null": missing("date", ("0000-00-00", "1900-01-01"), "2025-04-01"),
    "a_boolean_or_null": missing("boolean", ("-1",), "1", "true"),
    "a_decimal_or_null": missing("decimal(7,2)", ("NULL", "NaN"), "0.10"),
    "a_comma": number("decimal(7,2)", decimal(7, 2), "1234,5", "-0,99", "1234.50", "99999,999", decimalChar=","),
    "a_dotted": number("double", floating, "1.234,56", "1.234.567", "12.34", "1,5e3", decimalChar=",", groupChar="."),
    "a_dotted_int": number(
        "int", whole_number, "1.234", "2.147.483.648", "1234", "-1.0", decimalChar=",", groupChar="."
    ),
    "an_american": number("decimal(38,0)", decimal(38, 0), "1,234,567.0", "1,23", "12", groupChar=","),
    "a_swiss": number("float", single, "1'234.5", "1'23", "-1'000'000", groupChar="'"),
    "a_spaced": number("decimal(7,2)", decimal(7, 2), "1 234,50", "12 34", "1234", decimalChar=",", groupChar=" "),
    "a_french": number(
        "bigint", PARSERS["bigint"], "1\u00a0234", "1\u00a0234,00", "1 234", decimalChar=",", groupChar="\u00a0"
    ),
    "a_percentage": number("double", floating, "12.5%", "7 %", "12.5", "-0.1\u00a0%", percent=True),
    "a_decimal_percentage": number(
        "decimal(7,4)",
        decimal(7, 4),
        "12,34%",
        "0,123%",
        "99999,99 %",
        "100.000%",
        decimalChar=",",
        groupChar=".",
        percent=True,
    ),
    "a_german_date": time("date", "dd.MM.yyyy", "%d.%m.%Y", "01.04.2025", "29.02.2025", "1.4.2025", "2025-04-01"),
    "an_american_date": time("date", "M/d/yy", "%m/%d/%y", "4/1/25", "04/01/25", "13/1/25", "4/1/2025"),
    "a_date_with_a_time": time(
        "date", "yyyy-MM-dd '00:00:00.000'", "%Y-%m-%d 00:00:00.000", "1996-07-04 00:00:00.000", "1996-07-04"
    ),
    "a_named_month": time("date", "dd-MMM-yyyy", "%d-%b-%Y", "01-Apr-2025", "01-apr-2025", "31-Apr-2025"),
    "a_german_time": time(
        "timestamp", "dd.MM.yyyy HH:mm", "%d.%m.%Y %H:%M", "01.04.2025 11:27", "1.4.2025 11:27", "01.04.2025 24:00"
    ),
    "a_time_of_half_a_day": time(
        "timestamp",
        "M/d/yyyy h:mm:ss a",
        "%m/%d/%Y %I:%M:%S %p",
        "4/1/2025 12:05:00 AM",
        "4/1/2025 1:05:59 PM",
        "4/1/2025 13:05:00 PM",
    ),
    "a_time_with_decimals": time(
        "timestamp", "yyyyMMdd'T'HHmmss.SSS", "%Y%m%dT%H%M%S.%f", "20250401T112700.125", "20250401T112700"
    ),
    "a_time_with_an_offset": time(
        "timestamp",
        "dd.MM.yyyy HH:mm XXX",
        "%d.%m.%Y %H:%M %z",
        "01.04.2025 11:27 +02:00",
        "01.04.2025 11:27 Z",
        "01.04.2025 11:27 +0200",
    ),
    "a_local_time": local(
        "Europe/Berlin",
        {},
        None,
        "2025-04-01T11:27:00",
        "2025-03-30 02:30:00",
        "2025-10-26 02:30:00",
        "2025-10-26T02:30:00Z",
        "2025-03-30 01:59:59",
        "1899-01-01 00:00:00",
        "1000-01-01 00:00:00",
        "9999-12-31 23:59:59",
    ),
    "a_local_form": local(
        "America/New_York",
        {"format": "dd.MM.yyyy HH:mm"},
        "%d.%m.%Y %H:%M",
        "01.04.2025 11:27",
        "09.03.2025 02:30",
        "02.11.2025 01:30",
        "02.11.2025 00:59",
        "31.12.9999 23:30",
    ),
    "a_named_zone": Written(
        {
            "logicalType": "timestamp",
            "logicalTypeOptions": {"format": "yyyy-MM-dd HH:mm:ss z"},
            "customProperties": [{"property": "zoneNames", "value": {"CET": "+01:00", "CEST": "+02:00"}}],
        },
        with_zone_name,
        ("2025-04-01 11:27:00 CEST", "2025-04-01 11:27:00 UTC", "2025-04-01 11:27:00 EST"),
    ),
    "a_unix_time": unix("seconds", "1743506820", "-1.5", "1743506820.1234567", "99999999999", "253402300799.999999"),
    "a_unix_time_in_ms": unix("milliseconds", "1743506820123", "-1", "1743506820123.5", "1743506820123.0"),
    "a_unix_time_in_us": unix("microseconds", "1743506820123456", "0", "1.5"),
}
NAMES = ("id", *COLUMNS)
DERIVED: dict[str, tuple[dict[str, Any], Callable[[Values], Any]]] = {
    "a_day": (
        {"logicalType": "date", "transformLogic": "CAST(a_local_form AS DATE)"},
        lambda values: values["a_local_form"] and values["a_local_form"].date(),
    ),
    "a_month": (
        {"logicalType": "string", "transformLogic": "date_format(a_local_form, 'yyyy-MM')"},
        lambda values: values["a_local_form"] and values["a_local_form"].strftime("%Y-%m"),
    ),
    "a_first": (
        {"logicalType": "date", "transformLogic": "CAST(date_trunc('WEEK', a_german_date) AS DATE)"},
        lambda values: (
            values["a_german_date"] and values["a_german_date"] - timedelta(values["a_german_date"].weekday())
        ),
    ),
    "an_hour": (
        {"logicalType": "integer", "transformLogic": "hour(a_unix_time)"},
        lambda values: values["a_unix_time"] and values["a_unix_time"].hour,
    ),
    "a_product": (
        {"logicalType": "number", "transformLogic": "a_comma * 3 - 0.5"},
        lambda values: None if values["a_comma"] is None else float(values["a_comma"]) * 3 - 0.5,
    ),
    "a_text": (
        {"logicalType": "string", "transformLogic": "concat(substring(a_string, 1, 2), ' ')"},
        lambda values: (values["a_string"] and values["a_string"][:2].strip() and values["a_string"][:2] + " ") or None,
    ),
}


def document() -> dict[str, Any]:
    found = things()
    found["schema"][0]["properties"] = [
        {"name": "id", "logicalType": "integer", "required": True, "primaryKey": True},
        *({"name": name, **written.column} for name, written in COLUMNS.items()),
        *({"name": name, **column} for name, (column, _) in DERIVED.items()),
    ]
    found["schema"][0]["customProperties"] = [{"property": "whenAbsent", "value": "empty"}]
    return found


def dataset() -> Dataset:
    return Dataset(
        {
            "id": "int",
            **{
                name: written.column.get("physicalType") or written.column["logicalType"]
                for name, written in COLUMNS.items()
            },
        },
        ("id",),
        optional=tuple(COLUMNS),
        parsers={name: written.parse for name, written in COLUMNS.items()},
        missing={name: written.missing for name, written in COLUMNS.items()},
        derived={name: calculate for name, (_, calculate) in DERIVED.items()},
    )


def cells() -> Iterator[tuple[str, str]]:
    """Columns and texts: as given, with spaces around, and with one or two letters changed."""
    chance = random.Random(25)
    for name, written in COLUMNS.items():
        yield from ((name, text) for given in written.texts for text in (given, f"  {given} ", given + given))
        yield from ((name, text) for other in COLUMNS.values() for text in other.texts[:2])
        for _ in range(ROWS):
            text = chance.choice(written.texts)
            for _ in range(chance.randint(1, 2)):
                place = chance.randrange(len(text) + 1)
                text = text[:place] + chance.choice(("", chance.choice(LETTERS))) + text[place + chance.randint(0, 1) :]
            yield name, text


def test_any_text_is_typed_or_missing_or_rejected_as_in_the_reference(engine: Engine, tmp_path: Path) -> None:
    house = House(engine, tmp_path, read(tmp_path, things=document()))
    rows = [{"id": str(number), name: text} for number, (name, text) in enumerate(cells())]
    house.load("things", "b1", Given("f.csv", csv_text(NAMES, ([row.get(name, "") for name in NAMES] for row in rows))))
    expected = [judge(dataset(), row) for row in rows]
    accepted = [values for values, reasons, _ in expected if not reasons]
    names = house.contracts["things"].names
    assert [{name: row[name] for name in names} for row in house.rows("things")] == accepted
    found = [(record["raw"]["id"], record["reasons"]) for record in house.rejects("things")]
    assert found == [(row["id"], reasons) for row, (_, reasons, _) in zip(rows, expected, strict=True) if reasons]
    assert 0.2 < len(accepted) / len(rows) < 0.8


def test_a_rejected_row_is_corrected_by_a_key_of_several_columns_and_a_version_in_their_forms(
    engine: Engine, tmp_path: Path
) -> None:
    number = [{"property": "groupChar", "value": "."}, {"property": "decimalChar", "value": ","}]
    key = {"required": True, "primaryKey": True}
    document = things()
    document["schema"][0]["properties"] = [
        {"name": "id", "logicalType": "integer", **key, "customProperties": number},
        {"name": "shelf", "physicalType": "smallint", **key},
        {"name": "price", "physicalType": "decimal(7,2)", "required": True, "customProperties": number},
        {
            "name": "seen_at",
            "logicalType": "timestamp",
            "required": True,
            "logicalTypeOptions": {"format": "dd.MM.yyyy HH:mm", "defaultTimezone": "Europe/Berlin"},
        },
    ]
    document["schema"][0]["customProperties"] = [{"property": "version", "value": "seen_at"}]
    house = House(engine, tmp_path, read(tmp_path, things=document))
    header = ("id", "shelf", "price", "seen_at")
    bad = [("1.234", "1", "x", "01.04.2025 12:00"), ("1.234", "2", "x", "01.04.2025 12:00")]
    house.load("things", "b1", Given("a.csv", csv_text(header, [*bad, ("1.234", "1", "y", "01.04.2025 13:00")])))
    assert house.values("things", "id") == []
    good = [("1234", "1", "1.000,5", "01.04.2025 12:30"), ("1234", "3", "0,1", "01.04.2025 12:30")]
    house.load("things", "b2", Given("b.csv", csv_text(header, good), 1))
    assert house.values("things", "id", "shelf", "price") == [
        (1234, 1, Decimal("1000.50")),
        (1234, 3, Decimal("0.10")),
    ]
    assert [(record["key"], record["raw"]["price"], record["resolution"]) for record in house.rejects("things")] == [
        ("1.234, 1", "x", "corrected"),
        ("1.234, 2", "x", None),
        ("1.234, 1", "y", None),
    ]
