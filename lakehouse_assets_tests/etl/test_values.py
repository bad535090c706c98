"""Every written form that a value can have, and what becomes of the row: typed exactly, missing, or rejected with the
reason and the raw text.
"""

from __future__ import annotations

import struct
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from lakehouse_assets.contracts import Kind
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.etl.kinds import NAMES, PHYSICAL, kinds_contract
from lakehouse_assets_tests.etl.support import House, Loaded, row, rows_file


def single(number: float) -> float:
    """The number in single precision."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


REJECTED = object()
MISSING = None


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


WHOLE_NUMBERS = [
    "7.5",
    "7.",
    ".0",
    "7.00001",
    "7.0.0",
    "7 .0",
    "7. 0",
    "1.0e0",
    "TRUE",
    "NULL",
    "NA",
    "N/A",
    "None",
    "\\N",
    "#N/A",
    "1e3",
    "7\n",
    "\n7",
    "7\r\n",
    "\t7",
    "7 7",
    "\u0667",
    "\uff17",
    "0x10",
    "1_000",
    "1,000",
    "NaN",
    "Infinity",
    "true",
    "abc",
    "=7",
    "'7",
    "7\x00",
    "\x007",
]
WHOLE_NUMBERS += ["\u00a07", "--7", "+-7", "+ 7", "+", "-", "7-", "1/2", "9" * 30, "0" * 19 + "7"]
FORMS: dict[Kind, list[tuple[str, Any]]] = {
    Kind.SMALLINT: [
        *((text, REJECTED) for text in (*WHOLE_NUMBERS, "32768", "-32769", "32768.0", "99999999999")),
        ("7", 7),
        (" +7.0 ", 7),
        ("007", 7),
        ("32767", 32767),
        ("-32768.00", -32768),
        ("", MISSING),
    ],
    Kind.DECIMAL: [
        *(
            (text, REJECTED)
            for text in (
                "12345.678",
                "0.001",
                "123456",
                "123456.7",
                "99999.995",
                "99999.999",
                "-100000",
                "1e3",
                "1.0e0",
                "1,5",
                "1 000",
                ".",
                "+",
                "-.",
                "5 .0",
                "--1",
                "NaN",
                "Infinity",
                "abc",
                "1\n",
                "\t1",
                "\u00a01",
                "\u0661",
                "12345.670000000001",
                "1.5d",
                "$1.50",
                "1.50 EUR",
                "0x1",
                "9" * 60,
                "0." + "0" * 60 + "1",
            )
        ),
        ("12345.67", Decimal("12345.67")),
        ("-99999.99", Decimal("-99999.99")),
        ("99999.99", Decimal("99999.99")),
        ("0.1", Decimal("0.10")),
        ("1.005000", REJECTED),
        ("1.500", Decimal("1.50")),
        ("12345.6700000", Decimal("12345.67")),
        ("12345.000", Decimal("12345.00")),
        ("7", Decimal("7.00")),
        ("7.", Decimal("7.00")),
        (".5", Decimal("0.50")),
        ("-.05", Decimal("-0.05")),
        ("+7.25", Decimal("7.25")),
        ("0000012345.67", Decimal("12345.67")),
        ("0" * 40 + "1.2" + "0" * 50, Decimal("1.20")),
        ("-0", Decimal("0.00")),
        ("  19.99 ", Decimal("19.99")),
        ("", MISSING),
        (" ", MISSING),
    ],
    Kind.FLOAT: [
        *((text, REJECTED) for text in ("3.5e38", "1e39", "-1e300", "1e400", "NaN", "Infinity", "1,5", "1f", "1.5d")),
        *((text, REJECTED) for text in ("0x1p3", "abc", "1 2", "\u00a01", "1e", "true")),
        ("0.1", single(0.1)),
        ("16777217", single(16777217)),
        (" -12.5 ", -12.5),
        ("3.39e38", single(3.39e38)),
        ("1.2e3", 1200.0),
        ("1e-50", 0.0),
        (".5", 0.5),
        ("", MISSING),
    ],
    Kind.BOOLEAN: [
        *((text, REJECTED) for text in ("yes", "no", "Y", "t", "f", "tRUE", "2", "-1", "01", "1.0", "true\n", "NULL")),
        *((text, REJECTED) for text in ("\u00a0true", "\ttrue", "truefalse", "true false", "on", "wahr")),
        *((text, True) for text in ("true", "True", "TRUE", "1", " true ")),
        *((text, False) for text in ("false", "False", "FALSE", "0", "  0")),
        ("", MISSING),
        ("  ", MISSING),
    ],
    Kind.INT: [
        *(
            (text, REJECTED)
            for text in (*WHOLE_NUMBERS, "2147483648", "-2147483649", "99999999999", "2147483648.0", "-2147483649.0")
        ),
        ("7", 7),
        (" 7 ", 7),
        ("+7", 7),
        ("-7", -7),
        ("-0", 0),
        ("007", 7),
        ("0" * 18 + "7", 7),
        ("15.0", 15),
        (" -3.000 ", -3),
        ("+7." + "0" * 40, 7),
        ("-0.0", 0),
        ("2147483647.0", 2147483647),
        ("-2147483648.0", -2147483648),
        ("2147483647", 2147483647),
        ("-2147483648", -2147483648),
        ("", MISSING),
        ("   ", MISSING),
    ],
    Kind.BIGINT: [
        *(
            (text, REJECTED)
            for text in (*WHOLE_NUMBERS, "9223372036854775808", "-9223372036854775809", "9223372036854775808.0")
        ),
        ("  +7", 7),
        ("9223372036854775807", 9223372036854775807),
        ("-9223372036854775808", -9223372036854775808),
        ("9223372036854775807.0", 9223372036854775807),
        ("-9223372036854775808.00", -9223372036854775808),
        ("9007199254740993.0", 9007199254740993),
    ],
    Kind.DOUBLE: [
        *(
            (text, REJECTED)
            for text in (
                "NaN",
                "nan",
                "Inf",
                "-inf",
                "Infinity",
                "1e400",
                "-1e400",
                "1e300",
                "-1e300",
                "1e999",
                "1e1000",
                "1d",
                "1f",
                "0x1p3",
            )
        ),
        *(
            (text, REJECTED)
            for text in (
                "1,5",
                "1.2.3",
                "1e",
                "e5",
                "1e+",
                ".",
                "+",
                "--1",
                "1 000",
                "1_0.5",
                "1.5\n",
                "\t1",
                "\u06f1",
                "\u00a01",
                "1e5.0",
                "€5",
                "5%",
            )
        ),
        ("12.5", 12.5),
        (" 12.5 ", 12.5),
        ("+1.5", 1.5),
        ("-2.5", -2.5),
        ("5.", 5.0),
        (".5", 0.5),
        ("7", 7.0),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("1.2e-3", 0.0012),
        ("0.1", 0.1),
        ("123456789.123456789", 123456789.123456789),
        ("9007199254740993", 9007199254740992.0),
        ("0." + "1" * 400, float("0." + "1" * 400)),
        ("1" * 299, float("1" * 299)),
        ("9.99e299", 9.99e299),
        ("4.9e-324", 5e-324),
        ("1e-400", 0.0),
        ("", MISSING),
        (" ", MISSING),
    ],
    Kind.DATE: [
        *(
            (text, REJECTED)
            for text in (
                "not-a-date",
                "2025-02-30",
                "2025-02-29",
                "2025-13-01",
                "2025-00-10",
                "2025-04-00",
                "2025-4-1",
                "01.04.2025",
                "04/01/2025",
            )
        ),
        *(
            (text, REJECTED)
            for text in (
                "2025/04/01",
                "20250401",
                "0000-01-01",
                "0999-12-31",
                "10000-01-01",
                "2025-04-01T00:00:00",
                "today",
                "epoch",
                "infinity",
            )
        ),
        *(
            (text, REJECTED)
            for text in ("2025-04-01\n", "2025-04-01 (BC)", "-2025-04-01", "45748", "1 Apr 2025", "2025-04")
        ),
        ("2025-04-01", date(2025, 4, 1)),
        (" 2025-04-01 ", date(2025, 4, 1)),
        ("2024-02-29", date(2024, 2, 29)),
        ("1000-01-01", date(1000, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
        ("", MISSING),
    ],
    Kind.TIMESTAMP: [
        *(
            (f"2025-04-01{text}", REJECTED)
            for text in (
                "",
                "T11:27",
                "T11",
                "T24:00:00",
                "T23:59:60",
                "T11:60:00",
                "T25:00:00",
                "T11:27Z",
                "T1:27:00",
                "  11:27:00",
                "T11:27:00 am",
            )
        ),
        *(
            (f"2025-04-01T11:27:00{text}", REJECTED)
            for text in (
                ".",
                ".1234567",
                ".1234560000",
                ".000000001",
                ",5",
                "+2",
                "+15",
                "+1500",
                "-23:00",
                "+02:60",
                "+0260",
                "  +02:00",
                "+ 02:00",
                "Z+02:00",
            )
        ),
        *(
            (f"2025-04-01T11:27:00{text}", REJECTED)
            for text in (" CET", " PST", "UTC+2", " utc", " GMT", "\n", "Z\n", "\t+02:00", "\u00a0Z")
        ),
        *(
            (f"{day}T11:27:00", REJECTED)
            for day in (
                "2025-02-30",
                "2025-13-01",
                "0000-01-01",
                "0999-01-01",
                "10000-01-01",
                "+2025-04-01",
                "2025-4-1",
                "25-04-01",
            )
        ),
        *(
            (text, REJECTED)
            for text in (
                "not-a-date",
                "01/04/2025 11:27",
                "04/01/2025 11:27:00",
                "1743506820",
                "20250401T112700",
                "now",
                "epoch",
                "infinity",
                "45748.47",
            )
        ),
        ("2025-04-01T11:27:00", utc(2025, 4, 1, 11, 27)),
        ("2025-04-01 11:27:00", utc(2025, 4, 1, 11, 27)),
        (" 2025-04-01T11:27:00 ", utc(2025, 4, 1, 11, 27)),
        ("2025-04-01T11:27:00Z", utc(2025, 4, 1, 11, 27)),
        ("2025-04-01T11:27:00.5", utc(2025, 4, 1, 11, 27, 0, 500000)),
        ("2025-04-01T11:27:00.123456+02:00", utc(2025, 4, 1, 9, 27, 0, 123456)),
        ("2025-04-01T23:30:00-02:00", utc(2025, 4, 2, 1, 30)),
        ("2025-04-01T11:27:00+05:45", utc(2025, 4, 1, 5, 42)),
        ("2025-04-01T11:27:00-00:00", utc(2025, 4, 1, 11, 27)),
        ("2025-04-01T11:27:00+14:00", utc(2025, 3, 31, 21, 27)),
        ("2025-03-30T02:30:00", utc(2025, 3, 30, 2, 30)),
        ("1883-11-18T12:00:00", utc(1883, 11, 18, 12)),
        ("1000-01-01T00:00:00", utc(1000, 1, 1)),
        ("9999-12-31T23:59:59.999999", utc(9999, 12, 31, 23, 59, 59, 999999)),
        ("2025-04-01 11:27:00+00", utc(2025, 4, 1, 11, 27)),
        ("2025-04-01 11:27:00.123-02", utc(2025, 4, 1, 13, 27, 0, 123000)),
        ("2025-04-01T11:27:00+0545", utc(2025, 4, 1, 5, 42)),
        ("2025-04-01 11:27:00 +0200", utc(2025, 4, 1, 9, 27)),
        ("2025-04-01 11:27:00.000 +02:00", utc(2025, 4, 1, 9, 27)),
        ("2025-04-01 11:27:00 UTC", utc(2025, 4, 1, 11, 27)),
        ("2025-04-01 11:27:00.123456 UTC", utc(2025, 4, 1, 11, 27, 0, 123456)),
        (" 2025-04-01t11:27:00z ", utc(2025, 4, 1, 11, 27)),
        ("2025-04-01 11:27:00 Z", utc(2025, 4, 1, 11, 27)),
        ("2025-04-01 11:27:00.1234560", utc(2025, 4, 1, 11, 27, 0, 123456)),
        ("2025-04-01T11:27:00.120000000Z", utc(2025, 4, 1, 11, 27, 0, 120000)),
        ("2025-04-01T23:30:00.0000000-0200", utc(2025, 4, 2, 1, 30)),
        ("1000-01-01t00:00:00", utc(1000, 1, 1)),
        ("1000-01-01T00:00:00+01", REJECTED),
        ("9999-12-31T23:59:59-0100", REJECTED),
        ("2025-02-30T11:27:00+00", REJECTED),
        ("1000-01-01T00:00:00+01:00", REJECTED),
        ("9999-12-31T23:59:59-01:00", REJECTED),
        ("", MISSING),
    ],
    Kind.STRING: [
        *(
            (text, text)
            for text in (
                "plain",
                " around ",
                "\ttab\t",
                'say "hi", twice',
                "two\nlines",
                "two\r\nlines",
                "a\rb",
                "it's",
                "back\\slash",
                "=1+1",
                "@SUM(A1)",
                "NULL",
                "None",
                "NaN",
            )
        ),
        *(
            (text, text)
            for text in (
                "\u202eevil\u202c",
                "שלום",
                "e\u0301\u0323",
                "👩‍👩‍👧",
                "\ufeffmark",
                "\u2028",
                "\x85",
                "a\x00b",
                "\x00",
                "\x1b[31m",
                "\u00a0",
                "\u3000",
                "\t",
                "\n",
                '"',
                ",",
                "''",
                "{}",
            )
        ),
        ("", MISSING),
        ("   ", MISSING),
    ],
}
CASES = [(kind, text, expected) for kind, cases in FORMS.items() for text, expected in cases]


class Values:
    """All cases loaded at once, one row each; the row's number is the case's."""

    def __init__(self, engine: Engine, folder: Any) -> None:
        house = House(engine, folder, kinds_contract(folder))
        rows = [{"id": str(number), f"{kind}_": text} for number, (kind, text, _) in enumerate(CASES)]
        given = rows_file("kinds", *([texts.get(name, "") for name in NAMES] for texts in rows), header=NAMES)
        self.loaded: Loaded = house.load("kinds", "batch", given)
        self.rows = {found["id"]: found for found in house.rows("kinds")}
        self.rejects = {int(found["raw"]["id"]): found for found in house.rejects("kinds")}


@pytest.fixture(scope="module")
def values(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Values:
    return Values(engine, tmp_path_factory.mktemp("values"))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{kind}-{text[:24]!r}" for kind, text, _ in CASES])
def test_a_value_is_typed_or_missing_or_rejected(values: Values, number: int) -> None:
    kind, text, expected = CASES[number]
    if expected is REJECTED:
        record = values.rejects[number]
        assert record["reasons"] == [f"{kind}_: not {PHYSICAL[kind]}"]
        assert record["raw"] == dict.fromkeys(NAMES, "") | {"id": str(number), f"{kind}_": text}
        assert number not in values.rows
    else:
        assert values.rows[number][f"{kind}_"] == expected
        assert number not in values.rejects


def test_each_row_ends_in_exactly_one_place(values: Values) -> None:
    rejected = sum(expected is REJECTED for _, _, expected in CASES)
    assert values.loaded.counts == {"read": len(CASES), "inserted": len(CASES) - rejected, "rejected": rejected}
    assert values.rows.keys() | values.rejects.keys() == set(range(len(CASES)))


REASONS: list[tuple[str, dict[str, str], list[str]]] = [
    ("products", {"product_id": ""}, ["product_id: required"]),
    ("products", {"product_id": "  "}, ["product_id: required"]),
    ("products", {"product_id": "A-7"}, ["product_id: not int"]),
    ("products", {"product_id": "-1"}, ["product_id: minimum 0"]),
    ("products", {"department": " ", "product_name": ""}, ["department: required", "product_name: required"]),
    (
        "orders",
        {"order_id": "", "user_id": "x", "total_amount": "-1"},
        ["order_id: required", "user_id: not int", "total_amount: minimum 0"],
    ),
    ("orders", {"total_amount": "-0.01"}, ["total_amount: minimum 0"]),
    ("orders", {"total_amount": "NaN"}, ["total_amount: not double"]),
    ("orders", {"date": "2025-02-30"}, ["date_is_a_day"]),
    ("orders", {"date": "2025-4-1"}, ["date: pattern"]),
    ("orders", {"date": "2025/04/02"}, ["date: pattern"]),
    ("orders", {"date": "2025-04-01\n"}, ["date: pattern"]),
    ("orders", {"date": "not-a-date"}, ["date: pattern"]),
    ("orders", {"order_timestamp": "01.04.2025 11:27"}, ["order_timestamp: not timestamp"]),
    ("order_items", {"reordered": "2"}, ["reordered: not an allowed value"]),
    ("order_items", {"days_since_prior_order": "-1"}, ["days_since_prior_order: minimum 0"]),
    ("order_items", {"days_since_prior_order": "7.5"}, ["days_since_prior_order: not int"]),
    ("order_items", {"days_since_prior_order": "soon"}, ["days_since_prior_order: not int"]),
    ("order_items", {"order_id": "", "product_id": "none"}, ["order_id: required", "product_id: not int"]),
]


@pytest.mark.parametrize("dataset", list(dict.fromkeys(dataset for dataset, _, _ in REASONS)))
def test_rows_that_break_rules_are_set_aside_with_every_reason(house: House, dataset: str) -> None:
    cases = [(row(dataset, **changed), reasons) for of, changed, reasons in REASONS if of == dataset]
    loaded = house.load(dataset, "batch", rows_file(dataset, *(cells for cells, _ in cases)))
    assert loaded.counts == {"read": len(cases), "rejected": len(cases)}
    assert loaded.load_result is not None
    assert loaded.load_result.reasons == Counter(reason for _, reasons in cases for reason in reasons)
    assert loaded.load_result.warnings == {}
    records = house.rejects(dataset)
    assert [(record["row_number"], tuple(record["raw"].values()), record["reasons"]) for record in records] == [
        (number, cells, reasons) for number, (cells, reasons) in enumerate(cases, start=1)
    ]
    assert {(record["waiting"], record["healed_by"]) for record in records} == {(False, None)}
    assert house.rows(dataset) == []


def test_a_date_that_is_not_the_timestamps_day_is_loaded_and_counted(house: House) -> None:
    cases = [
        ({"date": "2025-04-02"}, True),
        ({"order_timestamp": "2025-04-01T23:30:00-02:00"}, True),
        ({"order_timestamp": "2025-04-02T00:30:00+02:00"}, False),
        ({"date": "0000-01-01"}, True),
    ]
    files = [
        rows_file("orders", row("orders", order_id=str(number), **changed), name=f"{number}.csv")
        for number, (changed, _) in enumerate(cases)
    ]
    loaded = house.load("orders", "batch", *files)
    assert loaded.counts == {"read": 4, "inserted": 4}
    assert loaded.load_result is not None
    assert loaded.load_result.warnings == {"date_is_the_timestamps_day": 3}
    for number, (_, warned) in enumerate(cases):
        assert loaded.load_result.files[f"{number}.csv@0"].warnings == (
            {"date_is_the_timestamps_day": 1} if warned else {}
        )
    assert house.values("orders", "date") == [(changed.get("date", "2025-04-01"),) for changed, _ in cases]


def test_very_long_texts_are_kept_or_set_aside_whole(house: House) -> None:
    long = 'ab"c,\n' * 1_000_000
    kept, spoiled = row("products", product_name=long), row("products", product_id="x", product_name=long)
    loaded = house.load("products", "batch", rows_file("products", kept, spoiled, row("products", product_id="2")))
    assert loaded.counts == {"read": 3, "inserted": 2, "rejected": 1}
    assert [found["product_name"] == long for found in house.rows("products")] == [True, False]
    assert house.rejects("products")[0]["raw"]["product_name"] == long


def test_a_column_that_the_file_lacks_is_missing_in_all_its_rows(house: House) -> None:
    names = ("id", "order_id", "user_id", "product_id", "add_to_cart_order", "reordered", "order_timestamp", "date")
    house.batch(
        "parents", products=[rows_file("products", row("products"))], orders=[rows_file("orders", row("orders"))]
    )
    given = rows_file("order_items", ("1", "10", "5", "1", "1", "0", "2025-04-01T11:27:00", "2025-04-01"), header=names)
    assert house.load("order_items", "items", given).counts == {"read": 1, "inserted": 1}
    assert house.values("order_items", "days_since_prior_order") == [(None,)]
