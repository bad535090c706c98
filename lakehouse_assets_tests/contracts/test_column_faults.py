"""The faults of what a contract says of a column's values in the files, and of calculated columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets_tests.contracts.support import faults, schema, things
from lakehouse_assets_tests.contracts.test_columns import (
    Change,
    add,
    calculated,
    change,
    moment,
    number,
    properties,
    servers,
)

FAULTS: dict[str, tuple[Change, str]] = {
    "missing values that are no texts": (
        number(missingValues=[0]),
        "column price: missingValues must be a list of texts in quotes, without line breaks, such as ['NULL', 'NA'].",
    ),
    "a missing value with spaces": (
        number(missingValues=[" NA"]),
        "column price: missingValues has a text that is empty or has spaces around it: write it without.",
    ),
    "missing values of the schema that are no list": (
        lambda document: schema(document).update(customProperties=properties(missingValues="NULL")),
        "schema: missingValues must be a list of texts in quotes",
    ),
    "a missing value that is a boolean": (
        add("paid", logicalType="boolean", customProperties=properties(missingValues=["0"])),
        "column paid: '0' cannot be both in missingValues and the text of a boolean.",
    ),
    "the name of another column": (
        change("label", physicalName="Price"),
        (
            "column label: its name in files 'Price' (physicalName or a synonym) means column price, too: give each"
            " column names of its own."
        ),
    ),
    "a name that differs from that of another column by a dash": (
        lambda document: [change("label", physicalName="a b")(document), change("price", physicalName="A-B")(document)],
        "column price: its name in files 'A-B' (physicalName or a synonym) means column label, too:",
    ),
    "a name that nobody sees": (
        change("label", synonyms=[{"synonym": "\u200b"}]),
        (
            "column label: '\\u200b' cannot be a column's name in files (physicalName or a synonym): it needs visible"
            " letters."
        ),
    ),
    "a mark that is a letter": (
        number(decimalChar="x"),
        (
            "column price: decimalChar 'x' must be one of these characters: '.' ',' \"'\" '\\u2019' '\\xa0' '\\u202f'"
            " ' ' '_'."
        ),
    ),
    "one mark for both": (
        number(decimalChar=",", groupChar=","),
        "column price: decimalChar and groupChar must differ, and decimalChar cannot be a space.",
    ),
    "the decimals' mark by default": (
        number(groupChar="."),
        "column price: decimalChar and groupChar must differ, and decimalChar cannot be a space.",
    ),
    "a mark of a text": (
        change("label", customProperties=properties(decimalChar=",")),
        "column label: decimalChar is for columns of numbers.",
    ),
    "a percentage of a whole number": (
        change("id", customProperties=properties(percent=True)),
        (
            "column id: percent: 12.5% is 0.125, so the column must be a double, a float, or a decimal of at least 2"
            " decimals and at most 30 digits."
        ),
    ),
    "a Unix time of a date": (
        change("made_on", customProperties=properties(unixTime="seconds")),
        "column made_on: unixTime is for columns of type timestamp.",
    ),
    "a Unix time in days": (
        moment(custom={"unixTime": "days"}),
        "column seen_at: unixTime 'days' must be one of seconds, milliseconds, microseconds.",
    ),
    "a Unix time with a zone": (
        moment(custom={"unixTime": "seconds"}, defaultTimezone="Europe/Berlin"),
        ("column seen_at: a Unix time has no format and no time zone: remove unixTime, or defaultTimezone."),
    ),
    "a letter that is not supported": (
        moment(format="EEE dd.MM.yyyy HH:mm"),
        "column seen_at: logicalTypeOptions.format 'EEE dd.MM.yyyy HH:mm': the letters EEE are not supported; use yyyy,",
    ),
    "a date with an hour": (
        change("made_on", logicalTypeOptions={"format": "dd.MM.yyyy HH:mm"}),
        (
            "column made_on: logicalTypeOptions.format 'dd.MM.yyyy HH:mm' has the hour, which a date cannot keep: make"
            " the column a timestamp, or write what is always the same in single quotes."
        ),
    ),
    "a timestamp without an hour": (
        moment(format="dd.MM.yyyy"),
        "column seen_at: logicalTypeOptions.format 'dd.MM.yyyy' lacks the hour: make the column a date.",
    ),
    "half a day that is not said": (
        moment(format="dd.MM.yyyy hh:mm"),
        "column seen_at: logicalTypeOptions.format 'dd.MM.yyyy hh:mm' needs h with a, or H without it.",
    ),
    "a month twice": (
        change("made_on", logicalTypeOptions={"format": "MM/MMM/yyyy"}),
        "column made_on: logicalTypeOptions.format 'MM/MMM/yyyy' has the month twice.",
    ),
    "a day that may be left out": (
        moment(format="yyyy-MM[-dd] HH:mm"),
        (
            "column seen_at: logicalTypeOptions.format 'yyyy-MM[-dd] HH:mm' may leave out only the end of a time in"
            " brackets, not the day."
        ),
    ),
    "a bracket that is open": (
        moment(format="yyyy-MM-dd HH[:mm"),
        (
            "column seen_at: logicalTypeOptions.format 'yyyy-MM-dd HH[:mm': a bracket, before what may be left out, is"
            " not closed."
        ),
    ),
    "an offset that is not there": (
        moment(format="dd.MM.yyyy HH:mm", timezone=True),
        "column seen_at: logicalTypeOptions.timezone is true, but the format has no offset.",
    ),
    "a zone that there is not": (
        moment(defaultTimezone="Europe/Entenhausen"),
        (
            "column seen_at: logicalTypeOptions.defaultTimezone 'Europe/Entenhausen' is not a time zone such as"
            " Europe/Berlin."
        ),
    ),
    "names of zones without a place for them": (
        moment(format="dd.MM.yyyy HH:mm", custom={"zoneNames": {"CET": "+01:00"}}),
        "column seen_at: zoneNames needs a format with z, the name of a time zone.",
    ),
    "names of zones without offsets": (
        moment(format="dd.MM.yyyy HH:mm z", custom={"zoneNames": {"CET": 1}}),
        (
            "column seen_at: zoneNames must give the offset of each name in quotes, such as {CET: '+01:00', CEST:"
            " '+02:00'}."
        ),
    ),
    "a form of a text": (
        change("label", logicalTypeOptions={"format": "email"}),
        "column label: logicalTypeOptions.format is not supported; use ",
    ),
    "an encoding that is not supported": (
        servers({"encoding": "EBCDIC"}),
        ("server shop: encoding 'EBCDIC' must be one of utf-8, windows-1252, iso-8859-1, iso-8859-15, utf-16."),
    ),
    "two encodings of all files": (
        servers({"encoding": "utf-16"}, {"encoding": "latin-1"}),
        "servers give the files more than one encoding.",
    ),
    "a folder outside the dataset's": (
        servers({"encoding": "utf-16", "path": "../orders"}),
        "server shop: path '../orders' must be a folder in the dataset's folder, such as berlin/2025.",
    ),
    "a calculated column of another type": (
        calculated("id * 2", "integer"),
        (
            "column extra: transformLogic: it gives a double (arithmetic is done in doubles), but the column's type is int."
            " (To say in words where a value is from, use transformDescription.)"
        ),
    ),
    "words about a column": (
        calculated("taken from the till", "string"),
        "column extra: transformLogic: 'taken from the till' is not a SQL expression:",
    ),
    "a calculated column of no column": (
        calculated("DATE '2025-01-01'"),
        "column extra: transformLogic: it uses no column of the file.",
    ),
    "a calculated column of a calculated one": (
        lambda document: [
            calculated("made_on")(document),
            add("more", logicalType="date", transformLogic="extra")(document),
        ],
        "column more: transformLogic: no such column: extra.",
    ),
    "a calculated column that changes over time": (
        calculated("current_date()"),
        "column extra: transformLogic: the engines may give different results for current_date",
    ),
    "a calculated column of one that a file may lack": (
        calculated("price", "number"),
        (
            "column extra: transformLogic uses price, whose value in the table stays if a file lacks it: make price"
            " required, or set its whenAbsent to empty or quarantine."
        ),
    ),
    "a unit that is not supported": (
        calculated("date_trunc('DECADE', made_on)", "timestamp"),
        "column extra: transformLogic: date_trunc may be used with DAY, HOUR, MONTH, QUARTER, WEEK, YEAR.",
    ),
    "a form that is not supported": (
        calculated("date_format(made_on, 'EEEE')", "string"),
        "column extra: transformLogic: date_format may be used with yyyy, MM, dd, HH, mm, ss, and - _ / . : T and spaces.",
    ),
    "a calculated key": (
        change("id", transformLogic="length(label)"),
        "column id: primaryKey is for columns of the files, and this one is calculated (transformLogic).",
    ),
    "missing values of a calculated column": (
        calculated("made_on", customProperties=properties(missingValues=["NULL"])),
        "column extra: missingValues is for columns of the files, and this one is calculated (transformLogic).",
    ),
    "a calculated version": (
        lambda document: [
            calculated("made_on", required=True)(document),
            schema(document).update(customProperties=properties(version="extra")),
        ],
        "version column extra must be a column of the files, not a calculated one.",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_names_the_column_and_says_what_to_do(tmp_path: Path, case: str) -> None:
    spoil, expected = FAULTS[case]
    document = things()
    spoil(document)
    found = faults(tmp_path, things=document)
    assert any(fault.startswith(f"things.odcs.yaml: {expected}") for fault in found), found
