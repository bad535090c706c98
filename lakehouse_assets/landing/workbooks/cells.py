"""The text of a cell in CSV, made from the value that calamine gives."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from lakehouse_assets.written import WrittenForm

EXACT_BELOW = 2.0**53
"""Doubles hold every whole number up to here."""
LARGEST_EXPONENT = 308

Value = str | float | bool | date | time | timedelta


def cell_text(value: Value) -> str | None:
    """The text of a value: 90.0 becomes 90, dates and times become ISO 8601, and a midnight becomes a date.

    None for a number that a double may not hold exactly: `SpecialCells.large` has it as it is in the file.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | int):
        if not -EXACT_BELOW < value < EXACT_BELOW:
            return None
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat()


def in_form(value: Value, text: str, form: WrittenForm) -> str:
    """The text of a cell in a column with a declared form. A text is not changed: its form is what it must have."""
    if isinstance(value, bool):
        return form.of_boolean(value) or text
    if isinstance(value, float | int):
        return form.of_number(text)
    return (form.of_time(value) or text) if isinstance(value, date) else text


def _duration(value: timedelta) -> str:
    seconds = abs(value) // timedelta(seconds=1)
    fraction = f".{abs(value).microseconds:06d}" if value.microseconds else ""
    sign = "-" if value < timedelta() else ""
    return f"{sign}PT{seconds // 3600}H{seconds // 60 % 60}M{seconds % 60}{fraction}S"


def large_number_text(raw: str) -> str:
    """A number of the sheet's XML, digit for digit and without an exponent; unchanged if no double can hold it."""
    try:
        number = Decimal(raw)
    except InvalidOperation:
        return raw
    return f"{number:f}" if number.is_finite() and number.adjusted() <= LARGEST_EXPONENT else raw


def column_name(number: int) -> str:
    """The name, A to XFD, of the column with this number, which counts from 0."""
    name = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
