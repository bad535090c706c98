"""Finds the cell styles of a workbook that show a number as a date, a time of day or a duration. A sheet's XML has only
the number of a style.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from xml.etree import ElementTree


class Shown(Enum):
    """The kind of value that a number format shows."""

    DATE = "date"
    TIME = "time of day"
    DURATION = "duration"


BUILT_IN = {
    **dict.fromkeys([*range(14, 18), 22, *range(27, 37), *range(50, 59)], Shown.DATE),
    **dict.fromkeys([*range(18, 22), 45, 47], Shown.TIME),
    46: Shown.DURATION,
}
"""The formats without a code in the file (ECMA-376, 18.8.30). The meaning of 27 to 36 and 50 to 58 depends on the
locale; calamine takes all of them for dates.
"""
ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
LITERAL = re.compile(r'"[^"]*"|\\.|[_*].|\[[^\]]*\]', re.DOTALL)
LATEST_DATE, LATEST_DATE_FROM_1904 = 2_958_466, 2_957_004
"""The serial number of the day after 31 December 9999, in each calendar."""
PHANTOM_DAY = 60


def date_styles(styles: ElementTree.Element) -> dict[int, Shown]:
    """The kind of value that each style shows, by the style's number; without styles that show something else."""
    codes = {
        element.get("numFmtId", ""): code
        for element in _children(styles, "numFmts")
        if (code := element.get("formatCode"))
    }
    shown = (
        (number, _shown(element.get("numFmtId", ""), codes))
        for number, element in enumerate(_children(styles, "cellXfs"))
    )
    return {number: kind for number, kind in shown if kind is not None}


def not_shown(serial: float, shown: Shown, *, from_1904: bool) -> str | None:
    """Why this number is not a date, a time or a duration; None if it is one, and calamine reads it as such.

    In the calendar from 1900, day 60 is 29 February 1900, which never existed, and day 0 is 0 January 1900, the form of
    an empty date.
    """
    latest = LATEST_DATE_FROM_1904 if from_1904 else LATEST_DATE
    if shown is Shown.DURATION:
        return None if abs(serial) < latest else "too long for a duration"
    if shown is Shown.TIME and 0 <= serial < 1:
        return None
    first = 1 if shown is Shown.DATE else PHANTOM_DAY + 1
    if not first <= serial < latest:
        return (
            f"not a {shown.value}" if shown is Shown.TIME else f"not a date from {1904 if from_1904 else 1900} to 9999"
        )
    if not from_1904 and PHANTOM_DAY <= serial < PHANTOM_DAY + 1:
        return "29 February 1900, a day that never existed"
    return None


def ordinary_cell(styles: Mapping[int, Shown]) -> re.Pattern[bytes]:
    """A pattern of the bytes of cells that calamine reads correctly; its group is the cell's name.

    It does not match all of them: other cells are read again from the XML, which takes longer and decides.
    """
    number = rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?"
    date = rb"(?:[1-9]\d{2,5}|1\d{6}|2[0-8]\d{5})(?:\.\d+)?"
    time = rb"0(?:\.\d+)?(?:[eE]-\d{1,2})?|[1-9](?:\.\d+)?[eE]-\d{1,2}|" + date
    as_date, as_time = (
        _any_of(number for number, kind in styles.items() if (kind is Shown.DATE) == is_date)
        for is_date in (True, False)
    )
    other = rb'(?: s="(?!(?:' + b"|".join(each for each in (as_date, as_time, rb"(?!)") if each) + rb')")\d{1,5}")?'
    any_style = rb'(?: s="\d{1,5}")?'
    value = rb'(?: t="n")?><v>(?:%s)</v></c>'
    forms = [
        other + value % number,
        *([rb' s="(?:' + as_date + rb')"' + value % date] if as_date else []),
        *([rb' s="(?:' + as_time + rb')"' + value % time] if as_time else []),
        any_style + rb' t="s"' + any_style + rb"><v>\d{1,9}</v></c>",
        any_style + rb' t="str"' + any_style + rb'><v(?: xml:space="preserve")?>[^<]*</v></c>',
        any_style + rb' t="inlineStr"' + any_style + rb'><is><t(?: xml:space="preserve")?>[^<]*</t></is></c>',
        any_style + rb' t="b"' + any_style + rb"><v>[01]</v></c>",
        any_style + rb'(?: t="\w{1,9}")?(?: ?/>|>(?:<v ?/>|<v></v>)?</c>)',
    ]
    return re.compile(rb'<c(?: r="([A-Z]{1,3}\d{1,9})")?(?:' + b"|".join(forms) + rb")")


def _any_of(numbers: Iterable[int]) -> bytes:
    return b"|".join(str(number).encode() for number in numbers)


def _children(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    for element in root:
        if element.tag.rpartition("}")[2] == name:
            yield from element


def _shown(number: str, codes: Mapping[str, str]) -> Shown | None:
    if number not in codes:
        return BUILT_IN.get(int(number)) if number.isdecimal() else None
    code = codes[number]
    if ELAPSED.search(code):
        return Shown.DURATION
    letters = set(LITERAL.sub("", code).casefold())
    if letters & set("yd") or (letters & set("m") and not letters & set("hs")):
        return Shown.DATE
    return Shown.TIME if letters & set("hs") else None
