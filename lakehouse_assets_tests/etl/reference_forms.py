"""The forms that a contract can declare, in plain Python: an independent reading of the reference of contracts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from lakehouse_assets_tests.etl.reference_values import Parser, moment

WIDTHS = {
    **dict.fromkeys(("yyyy",), "[1-9][0-9]{3}"),
    **dict.fromkeys(("dd", "MM", "HH", "mm", "ss", "yy"), "[0-9]{2}"),
    **dict.fromkeys(("d", "M", "H", "h"), "[0-9]{1,2}"),
    "MMM": "[A-Z][a-z]{2}",
    "SSS": "[0-9]{3}",
    "XXX": "(?:Z|[+-][0-9]{2}:[0-9]{2})",
    "a": "[AaPp][Mm]",
}
"""What each letter of a format matches; Python's strptime reads more than that."""


def marked(parse: Parser, point: str, group: str, *, percent: bool) -> Parser:
    """A number with these marks before the decimals and between thousands."""
    digits = "[0-9]" if not group else rf"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+)"

    def read(text: str) -> Any:
        text = text.strip(" ")
        if percent:
            if not text.endswith("%"):
                return None
            text = text[:-1]
            text = text[:-1] if text[-1:] in (" ", "\u00a0", "\u202f") else text
        whole, _, rest = text.partition(point)
        bare = whole.lstrip("+-")
        if group and group in bare and not re.fullmatch(digits, bare):
            return None
        if " " in whole.replace(group, "") or (group and group in rest) or (point != "." and "." in rest):
            return None
        if point != "." and group != "." and "." in whole:
            return None
        plain = whole.replace(group, "") + ("." + rest if point in text else "")
        if not percent:
            return parse(plain)
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", plain):
            return None
        return parse(f"{Decimal(plain).scaleb(-2):f}")

    return read


def formatted(letters: str, directives: str, *, days: bool) -> Parser:
    """A date or a time as Python's strptime reads it, if it has the widths of the letters. Without an offset it is
    UTC."""
    literal = re.split(r"'([^']*)'", letters)
    pattern = "".join(
        re.escape(part)
        if place % 2
        else re.sub(r"([A-Za-z])\1*|.", lambda found: WIDTHS.get(found[0]) or re.escape(found[0]), part)
        for place, part in enumerate(literal)
    )

    def read(text: str) -> Any:
        text = text.strip(" ")
        if not re.fullmatch(pattern, text, re.ASCII):
            return None
        try:
            found = datetime.strptime(text, directives)
        except ValueError:
            return None
        if days:
            return found.date()
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)

    return read


def in_zone(name: str, parse: Parser) -> Parser:
    """A time without an offset is that of the zone: None if it does not exist there, or exists twice."""
    zone = ZoneInfo(name)

    def read(text: str) -> Any:
        found = parse(text)
        if found is None or re.search(r"(?:Z|z|UTC|[0-9]:[0-9]{2}(?:\.[0-9]+)? ?[+-][0-9:]+) *\Z", text):
            return found
        wall = found.replace(tzinfo=None)
        if not 1100 <= wall.year <= 9899:
            return None
        instants = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        [*sure] = [each for each in instants if each.astimezone(zone).replace(tzinfo=None) == wall]
        return sure[0] if len(sure) == 1 else None

    return read


def with_zone_name(text: str) -> Any:
    stamp, _, name = text.strip(" ").rpartition(" ")
    hours = {"CET": 1, "CEST": 2, "UTC": 0, "GMT": 0, "Z": 0}.get(name)
    if hours is None or not re.fullmatch(r"[0-9-]{10} [0-9:]{8}", stamp):
        return None
    found = moment(stamp)
    return found and found - timedelta(hours=hours)


def unix_time(unit: str) -> Parser:
    places = {"seconds": 6, "milliseconds": 3, "microseconds": 0}[unit]

    def read(text: str) -> Any:
        found = re.fullmatch(rf" *(-?)([0-9]{{1,{17 - places}}})(?:\.([0-9]+))? *", text)
        if not found or len((found[3] or "").rstrip("0")) > places:
            return None
        micros = int(found[2]) * 10**places + int(((found[3] or "").rstrip("0")).ljust(places, "0") or 0)
        try:
            instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=-micros if found[1] else micros)
        except OverflowError:
            return None
        return instant if instant.year >= 1000 else None

    return read
