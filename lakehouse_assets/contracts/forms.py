"""Reads how a column's values are written in the files, where that is not the form of the column's type."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from lakehouse_assets.contracts.model import NUMBERS, WHOLE_NUMBERS, Kind, TimeForm
from lakehouse_assets.contracts.model import NumberForm as Number
from lakehouse_assets.written import UNITS, Token, tokens

FORM_WORDS = ("decimalChar", "groupChar", "percent", "unixTime", "zoneNames")
TIME_OPTIONS = ("format", "timezone", "defaultTimezone")
MARKS = ".,'\u2019\u00a0\u202f _"
"""What may stand before the decimals or between thousands."""
ZONE = re.compile(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2}\Z")
ALWAYS_UTC = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z"}
ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_/+-]{0,40}\Z")
OFFSET = re.compile(r"[+-](0[0-9]|1[0-4]):[0-5][0-9]\Z")
DATE_PARTS = {"year", "year of this century", "month", "month's name", "day"}
MOST_PERCENT_DIGITS = 30
"""Of a decimal that is written as a percentage: both engines calculate it with eight more digits, of 38."""
Fault = Callable[[str], None]


def read_form(
    prop: SchemaProperty, kind: Kind, digits: tuple[int, int] | None, custom: Callable[[str], Any], fault: Fault
) -> Number | TimeForm | None:
    """Returns the declared form; None if there is none, or if it has a fault, which is reported. `custom`: the value of
    a custom property.
    """
    faults: list[str] = []
    said = {word: custom(word) for word in FORM_WORDS if custom(word) is not None}
    options = {
        word: value
        for word, value in (prop.logicalTypeOptions or {}).items()
        if word in TIME_OPTIONS and kind in (Kind.DATE, Kind.TIMESTAMP)
    }
    found = _number(kind, digits, said, faults.append) or _time(kind, said, options, faults.append)
    for text in faults:
        fault(text)
    return None if faults else found


def _number(kind: Kind, digits: tuple[int, int] | None, said: dict[str, Any], fault: Fault) -> Number | None:
    words = [word for word in ("decimalChar", "groupChar", "percent") if word in said]
    if not words:
        return None
    if kind not in NUMBERS:
        return fault(f"{', '.join(words)} {'is' if len(words) == 1 else 'are'} for columns of numbers.")
    form = Number(said.get("decimalChar", "."), said.get("groupChar", ""), said.get("percent", False))
    for word, mark in (("decimalChar", form.decimal_char), ("groupChar", form.group_char or ",")):
        if not isinstance(mark, str) or len(mark) != 1 or mark not in MARKS:
            fault(f"{word} {mark!r} must be one of these characters: {' '.join(map(ascii, MARKS))}.")
    if form.decimal_char == form.group_char or form.decimal_char == " ":
        fault("decimalChar and groupChar must differ, and decimalChar cannot be a space.")
    if not isinstance(form.percent, bool):
        fault(f"percent is {form.percent!r}; it must be true or false.")
    elif form.percent and (kind in WHOLE_NUMBERS or (digits and (digits[1] < 2 or digits[0] > MOST_PERCENT_DIGITS))):
        fault(
            "percent: 12.5% is 0.125, so the column must be a double, a float, or a decimal of at least 2 decimals and"
            f" at most {MOST_PERCENT_DIGITS} digits."
        )
    return form


def _time(kind: Kind, said: dict[str, Any], options: dict[str, Any], fault: Fault) -> TimeForm | None:
    words = [word for word in ("unixTime", "zoneNames") if word in said]
    if words and kind is not Kind.TIMESTAMP:
        return fault(f"{' and '.join(words)} {'is' if len(words) == 1 else 'are'} for columns of type timestamp.")
    if not words and not options:
        return None
    if kind is Kind.DATE and (unfit := sorted({*options} - {"format"})):
        return fault(f"logicalTypeOptions.{unfit[0]} is for columns of type timestamp.")
    unix = said.get("unixTime")
    if unix is not None and unix not in UNITS:
        fault(f"unixTime {unix!r} must be one of {', '.join(UNITS)}.")
    if unix is not None and options:
        fault(f"a Unix time has no format and no time zone: remove unixTime, or {', '.join(options)}.")
    zone_names = _zone_names(said.get("zoneNames"), fault)
    parts = _format(options.get("format"), kind, fault)
    if zone_names and "zone" not in {token.part for token in parts}:
        fault("zoneNames needs a format with z, the name of a time zone.")
    _says_its_zone(options.get("timezone"), parts, fault)
    found = TimeForm(options.get("format"), unix, _zone(options.get("defaultTimezone"), fault), zone_names)
    return None if found == TimeForm() else found


def _format(pattern: Any, kind: Kind, fault: Fault) -> tuple[Token, ...]:
    if pattern is None:
        return ()
    if not isinstance(pattern, str) or not pattern.isprintable():
        fault(f"logicalTypeOptions.format {pattern!r} must be a text such as dd.MM.yyyy.")
        return ()
    try:
        parts = tuple(tokens(pattern))
    except ValueError as unfit:
        fault(f"logicalTypeOptions.format {pattern!r}: {unfit}.")
        return ()
    if problem := _problem(parts, kind):
        fault(f"logicalTypeOptions.format {pattern!r} {problem}.")
    return parts


def _problem(parts: tuple[Token, ...], kind: Kind) -> str | None:
    named = [token.part.removesuffix(" of this century").removesuffix("'s name") for token in parts if token.part]
    if twice := sorted({part for part in named if named.count(part) > 1}):
        return f"has the {twice[0]} twice"
    if lacking := [part for part in ("year", "month", "day") if part not in named]:
        return f"lacks the {' and the '.join(lacking)}"
    if kind is Kind.DATE:
        others = [part for part in named if part not in DATE_PARTS]
        return (
            f"has the {others[0]}, which a date cannot keep: make the column a timestamp, or write what is always the"
            " same in single quotes"
            if others
            else None
        )
    if ("hour of half a day" in named) != ("half of the day" in named) or (
        "hour" in named and "half of the day" in named
    ):
        return "needs h with a, or H without it"
    if "hour" not in named and "hour of half a day" not in named:
        return "lacks the hour: make the column a date"
    if {"offset", "zone"} <= {*named}:
        return "has an offset and the name of a zone, which may contradict each other"
    optional, inside = set(), False
    for token in parts:
        inside = token.text == "[" if token.bracket else inside
        optional |= {token.part} if inside else set()
    if needed := sorted(optional - {"", "minute", "second", "fraction", "offset", "zone"}):
        return f"may leave out only the end of a time in brackets, not the {needed[0]}"
    return None


def _says_its_zone(said: Any, parts: tuple[Token, ...], fault: Fault) -> None:
    """`timezone` only repeats what the format says; so it must not contradict it."""
    if said is None:
        return
    has = {token.part for token in parts} & {"offset", "zone"}
    if not isinstance(said, bool):
        fault(f"logicalTypeOptions.timezone is {said!r}; it must be true or false.")
    elif parts and said != bool(has):
        fault(f"logicalTypeOptions.timezone is {str(said).lower()}, but the format has {'an' if has else 'no'} offset.")


def _zone(name: Any, fault: Fault) -> str | None:
    """The zone of times without an offset; None if it is UTC."""
    if name is None or name in ALWAYS_UTC:
        return None
    known = zoneinfo.available_timezones()  # none, if the machine has no tz data
    if not isinstance(name, str) or not ZONE.match(name) or (known and name not in known):
        fault(f"logicalTypeOptions.defaultTimezone {name!r} is not a time zone such as Europe/Berlin.")
    return name if isinstance(name, str) else None


def _zone_names(given: Any, fault: Fault) -> tuple[tuple[str, str], ...]:
    if given is None:
        return ()
    if not isinstance(given, dict) or not all(
        isinstance(name, str) and ZONE_NAME.match(name) and isinstance(offset, str) and OFFSET.match(offset)
        for name, offset in given.items()
    ):
        fault("zoneNames must give the offset of each name in quotes, such as {CET: '+01:00', CEST: '+02:00'}.")
        return ()
    return tuple(given.items())
