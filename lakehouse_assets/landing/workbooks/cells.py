"""What the text of a CSV says of a cell's value, as calamine gives it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

EXACT_BELOW = 2.0**53
"""Doubles hold every whole number up to here."""
LARGEST_EXPONENT = 308

Value = str | float | bool | date | time | timedelta


def cell_text(value: Value) -> str | None:
    """90.0 is 90, dates and times are ISO 8601, midnight is a date.

    None for a number that a double may not hold exactly: `SpecialCells.large` has it as the file does.
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


def _duration(value: timedelta) -> str:
    seconds = abs(value) // timedelta(seconds=1)
    fraction = f".{abs(value).microseconds:06d}" if value.microseconds else ""
    sign = "-" if value < timedelta() else ""
    return f"{sign}PT{seconds // 3600}H{seconds // 60 % 60}M{seconds % 60}{fraction}S"


def large_number_text(raw: str) -> str:
    """A number of the sheet's XML, digit for digit, without an exponent; as it stands where that would be no double."""
    try:
        number = Decimal(raw)
    except InvalidOperation:
        return raw
    return f"{number:f}" if number.is_finite() and number.adjusted() <= LARGEST_EXPONENT else raw


def column_name(number: int) -> str:
    """Of the column with this number, from 0: A to XFD."""
    name = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
