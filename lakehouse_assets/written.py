"""The written forms of values that a contract may declare for a column, and values written in them: cells of workbooks,
and sample rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LETTERS = {
    "yyyy": "year",
    "uuuu": "year",
    "yy": "year of this century",
    "MM": "month",
    "M": "month",
    "MMM": "month's name",
    "dd": "day",
    "d": "day",
    "HH": "hour",
    "H": "hour",
    "hh": "hour of half a day",
    "h": "hour of half a day",
    "a": "half of the day",
    "mm": "minute",
    "m": "minute",
    "ss": "second",
    "s": "second",
    **{"S" * digits: "fraction" for digits in range(1, 10)},
    **dict.fromkeys(("X", "XX", "XXX", "x", "xx", "xxx", "Z"), "offset"),
    "z": "zone",
}
"""The letters of a format, those of the JDK's DateTimeFormatter, and the part of a time that they stand for."""
TOKEN = re.compile(r"([A-Za-z])\1*|'((?:[^']|'')*)'|[\[\]]|.", re.DOTALL)
HALVES = ("AM", "PM")
EPOCH = datetime(1970, 1, 1)
UNITS = {"seconds": 0, "milliseconds": 3, "microseconds": 6}
"""Of a Unix time, and the decimals of a second that each has."""


@dataclass(frozen=True)
class Token:
    """A piece of a format: `part` is what its letters stand for; empty for a text to be written as it is, and for the
    brackets around what may be left out.
    """

    text: str
    part: str = ""
    bracket: bool = False


def tokens(pattern: str) -> Iterator[Token]:
    """Yields the pieces of a format. Raises ValueError, with the reason, if it cannot be used."""
    depth = 0
    for found in TOKEN.finditer(pattern):
        text = found[0]
        if found[1]:
            if text not in LETTERS:
                raise ValueError(f"the letters {text} are not supported; use {', '.join(LETTERS)}")
            yield Token(text, LETTERS[text])
        elif found[2] is not None:
            yield Token(found[2].replace("''", "'") or "'")
        elif text in "[]":
            depth += 1 if text == "[" else -1
            if depth not in (0, 1):
                raise ValueError("its brackets, around what may be left out, do not match or are inside each other")
            yield Token(text, bracket=True)
        elif text in "'{}#":
            raise ValueError(f"{text} is not supported outside of quotes")
        else:
            yield Token(text)
    if depth:
        raise ValueError("a bracket, before what may be left out, is not closed")


@dataclass(frozen=True)
class WrittenForm:
    """How a column's values are written in files, if not in the form of its type.

    decimal_char, group_char: the marks before the decimals and between thousands. percent: the number is followed by a
    percent sign, and is a hundredth of what is written. format: of a date or a timestamp. unix: the unit of a Unix
    time. true, false: the texts of a boolean.
    """

    decimal_char: str = "."
    group_char: str = ""
    percent: bool = False
    format: str | None = None
    unix: str | None = None
    true: str | None = None
    false: str | None = None

    def of_number(self, text: str) -> str:
        """The form of a number that is written as Python writes it."""
        if self.unix or self.format or self.true is not None:
            return text
        if self.percent:
            text = f"{(Decimal(text) * 100).normalize():f}%"
        return text.replace(".", self.decimal_char)

    def of_time(self, value: date) -> str | None:
        """The form of a date or a timestamp; None if it is that of the type. An offset is that of UTC."""
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        if self.unix:
            return str((moment - EPOCH) // timedelta(microseconds=10 ** (6 - UNITS[self.unix])))
        if self.format is None:
            return None
        return "".join(
            _part(token, moment) if token.part else "" if token.bracket else token.text for token in tokens(self.format)
        )

    def of_boolean(self, value: bool) -> str | None:
        """The text of a boolean; None if it is that of the type."""
        return self.true if value else self.false


def _part(token: Token, moment: datetime) -> str:
    width = len(token.text)
    match token.part:
        case "year of this century":
            return f"{moment.year % 100:02}"
        case "month's name":
            return MONTHS[moment.month - 1]
        case "hour of half a day":
            return f"{(moment.hour + 11) % 12 + 1:0{width}}"
        case "half of the day":
            return HALVES[moment.hour // 12]
        case "fraction":
            return f"{moment.microsecond:06}000"[:width]
        case "offset":
            return {"XXX": "Z", "XX": "Z", "X": "Z", "xxx": "+00:00", "x": "+00"}.get(token.text, "+0000")
        case "zone":
            return "UTC"
        case _:
            return f"{getattr(moment, token.part):0{width}}"
