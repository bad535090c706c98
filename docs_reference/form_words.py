"""The words of a contract that say how a column's values are written in the files."""

from __future__ import annotations

from docs_reference.markdown import code
from docs_reference.word import OPTIONS, PROPERTY, YES_OR_NO, Word, any_of
from lakehouse_assets.contracts.columns import FALSE_VALUES, TRUE_VALUES
from lakehouse_assets.contracts.forms import MARKS
from lakehouse_assets.contracts.types import FORMATS
from lakehouse_assets.written import UNITS

MARKS_OF_NUMBERS = ", ".join(f"`{mark!a}`" for mark in MARKS)
FORM_WORDS = (
    Word(
        PROPERTY,
        "missingValues",
        "As at the dataset, for this column. An empty list: only an empty text means that there is no value.",
        "a list of texts",
        custom=True,
    ),
    Word(
        PROPERTY,
        "decimalChar",
        "The character before the decimals.",
        f"one of {MARKS_OF_NUMBERS}; for columns of numbers; by default `.`",
        custom=True,
    ),
    Word(
        PROPERTY,
        "groupChar",
        "The character between thousands. A number may be without it, but not have it in other places.",
        f"one of {MARKS_OF_NUMBERS}; for columns of numbers; by default there is none",
        custom=True,
    ),
    Word(
        PROPERTY,
        "percent",
        "Each number is followed by a percent sign, and is a hundredth of what is written: 12.5% is 0.125.",
        "`true`; for a double, a float, or a decimal with at least two decimals",
        custom=True,
    ),
    Word(
        PROPERTY,
        "unixTime",
        "A timestamp is a number: the time since 1970-01-01 00:00:00 UTC in this unit.",
        f"{any_of(UNITS)}; for columns of type timestamp",
        custom=True,
    ),
    Word(
        PROPERTY,
        "zoneNames",
        "The offsets of the names of time zones, where the format has `z`. UTC, GMT and Z are known.",
        "an object of offsets by name",
        custom=True,
    ),
    Word(
        PROPERTY,
        "trueValues",
        "The texts that mean true. Spaces around them are ignored.",
        f"a list of texts; for columns of type boolean; by default {any_of(TRUE_VALUES)}",
        custom=True,
    ),
    Word(
        PROPERTY,
        "falseValues",
        "The texts that mean false. A contract that has one of the two lists needs the other.",
        f"a list of texts; for columns of type boolean; by default {any_of(FALSE_VALUES)}",
        custom=True,
    ),
    Word(
        OPTIONS,
        "format",
        "The form of a date or a timestamp, see [Forms](#forms). Of a number: its width, which decides its type where"
        " physicalType is left out.",
        "; ".join(
            f"for {logical}: {', '.join(f'{code(name)} ({kind})' for name, kind in known.items())}"
            for logical, known in FORMATS.items()
        ),
    ),
    Word(
        OPTIONS,
        "timezone",
        "Whether the timestamps have an offset or the name of a zone. It must say the same as the format.",
        YES_OR_NO,
    ),
    Word(
        OPTIONS,
        "defaultTimezone",
        "The time zone of timestamps without an offset. A time that its clocks skip or repeat is rejected.",
        "a name such as `Europe/Berlin`; by default `Etc/UTC`",
    ),
)
