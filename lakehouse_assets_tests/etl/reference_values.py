"""The forms of the types in plain Python: an independent reading of the reference of contracts, which shares nothing with
the plan.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Context, Decimal
from typing import Any

Parser = Callable[[str], Any]
"""Returns the value of a text that is not blank; None if it does not have the form."""
INTEGER = re.compile(r" *([+-]?[0-9]{1,19})(?:\.0+)? *")
DOUBLE = re.compile(r" *([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?) *")
TIMESTAMP = re.compile(
    r" *([1-9][0-9]{3})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6})0{0,3})?"
    r"(?: ?(?:([Zz]|UTC)|([+-])([0-9]{2})(?::?([0-9]{2}))?))? *"
)
DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
DECIMAL = re.compile(r" *([+-]?)([0-9]*)(?:\.([0-9]*))? *")


def whole_number(text: str, bits: int = 32) -> int | None:
    found = INTEGER.fullmatch(text)
    return int(found[1]) if found and -(2 ** (bits - 1)) <= int(found[1]) < 2 ** (bits - 1) else None


def floating(text: str, limit: float = 1e300) -> float | None:
    found = DOUBLE.fullmatch(text)
    return float(found[1]) if found and abs(float(found[1])) < limit else None


def single(text: str) -> float | None:
    number = floating(text, 3.4e38)
    return None if number is None else float(struct.unpack("f", struct.pack("f", number))[0])


def decimal(digits: int, decimals: int) -> Parser:
    """The parser of decimal(digits,decimals): nothing is rounded, zeros at both ends do not count."""

    def parse(text: str) -> Decimal | None:
        found = DECIMAL.fullmatch(text)
        if not found or not (found[2] or found[3]):
            return None
        before, after = found[2].lstrip("0"), (found[3] or "").rstrip("0")
        if len(before) > digits - decimals or len(after) > decimals:
            return None
        return Decimal(f"{found[1]}{before or 0}.{after or 0}").quantize(
            Decimal(1).scaleb(-decimals), context=Context(prec=60)
        )

    return parse


def truth(true: str = "true True TRUE 1", false: str = "false False FALSE 0") -> Parser:
    means = dict.fromkeys(true.split(), True) | dict.fromkeys(false.split(), False)
    return lambda text: means.get(text.strip(" "))


def day(text: str) -> date | None:
    found = DAY.fullmatch(text.strip(" "))
    parts = tuple(int(part) for part in found.groups()) if found else (0, 0, 0)
    return date(*parts) if parts[0] >= 1000 and is_day(*parts) else None


def moment(text: str) -> datetime | None:
    found = TIMESTAMP.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    sign, hours, minutes = found[9], int(found[10] or 0), int(found[11] or 0)
    if hour > 23 or minute > 59 or second > 59 or hours > 14 or minutes > 59 or not is_day(year, month, day):
        return None
    if sign and not 1100 <= year <= 9899:
        return None
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    micro = int((found[7] or "0").ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, micro, timezone(offset)).astimezone(UTC)


def is_day(year: int, month: int, day: int) -> bool:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]


PARSERS: dict[str, Parser] = {
    "smallint": lambda text: whole_number(text, 16),
    "int": whole_number,
    "bigint": lambda text: whole_number(text, 64),
    **{f"decimal({digits},{decimals})": decimal(digits, decimals) for digits, decimals in ((7, 2), (38, 0), (3, 3))},
    "float": single,
    "double": floating,
    "boolean": truth(),
    "date": day,
    "timestamp": moment,
    "string": lambda text: text,
}
