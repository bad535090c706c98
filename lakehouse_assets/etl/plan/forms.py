"""Values in the forms that a contract declares: rewritten as texts in the form of their type, which `types` converts.

A text that does not have the declared form is not rewritten, so its row is rejected: no other form is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakehouse_assets.contracts import Column
from lakehouse_assets.contracts.model import NumberForm, TimeForm
from lakehouse_assets.quoting import spark_literal
from lakehouse_assets.written import HALVES, MONTHS, UNITS, Token, tokens

SPACES_BEFORE_PERCENT = " \u00a0\u202f"
UNIX_DIGITS = 11
"""Of the seconds of a Unix time: those of the years 1000 to 9999."""
UNIX_RANGE = ("-30610224000000000", "253402300799999999")
"""The microseconds of the years 1000 to 9999, whose timestamps have a written form."""
PATTERNS = {
    "year": "([1-9][0-9]{3})",
    "year of this century": "([0-9]{2})",
    "month's name": f"({'|'.join(MONTHS)})",
    "half of the day": "([AaPp][Mm])",
}
OFFSETS = {
    "X": "(Z|[+-][0-9]{2}(?:[0-9]{2})?)",
    "XX": "(Z|[+-][0-9]{4})",
    "XXX": "(Z|[+-][0-9]{2}:[0-9]{2})",
    "x": "([+-][0-9]{2}(?:[0-9]{2})?)",
    "xx": "([+-][0-9]{4})",
    "xxx": "([+-][0-9]{2}:[0-9]{2})",
    "Z": "([+-][0-9]{4})",
}
UTC_NAMES = ("UTC", "GMT", "Z")
HAS_OFFSET = r"(Z|z|UTC|[+-][0-9]{2}(:?[0-9]{2})?) *\z"
"""After a time of day; a date alone may end like an offset."""
IN_YEARS = "^ *(1[1-9]|[2-8][0-9]|9[0-8])[0-9]{2}-"
"""1100 to 9899, so that the year has four digits in UTC, too, as of timestamps with an offset."""


def rewritten(text: str, column: Column) -> str | None:
    """Returns the expression for a text in the form of the type (a Unix time in microseconds; a decimal's percentage as
    it is written). It is NULL if `text`, an expression, does not have the declared form. None if the form is that of
    the type.
    """
    match column.form:
        case NumberForm():
            return _number(text, column.form, in_hundredths=column.form.percent and column.digits is None)
        case TimeForm(unix=unit) if unit:
            return _unix(text, unit)
        case TimeForm(format=pattern) if pattern:
            return _time(text, tuple(tokens(pattern)), dict(column.form.zone_names), days=column.kind == "date")
    return None


def from_unix(text: str) -> str:
    """The timestamp of a rewritten Unix time."""
    number = f"try_cast({text} AS BIGINT)"
    return f"CASE WHEN {number} BETWEEN {UNIX_RANGE[0]} AND {UNIX_RANGE[1]} THEN timestamp_micros({number}) END"


def in_zone(text: str, moment: str, zone: str) -> str:
    """The instant of a timestamp whose `text` may lack an offset. `moment`: the text cast as if it was UTC's.

    A local time has two candidates: by the zone's offsets a day before and a day after. One that falls on this local
    time is the instant. If none does (clocks went forward) or both do (they went back), the result is NULL, because
    the engines choose differently. It is also NULL outside of the years 1100 to 9899.
    """
    name = spark_literal(zone)

    def candidate(days: str) -> str:
        return f"{moment} - (from_utc_timestamp({moment} {days}, {name}) - ({moment} {days}))"

    before, after = candidate("- INTERVAL '1' DAY"), candidate("+ INTERVAL '1' DAY")
    by_before, by_after = (f"from_utc_timestamp({each}, {name}) = {moment}" for each in (before, after))
    return (
        f"CASE WHEN {text} RLIKE {spark_literal(HAS_OFFSET)} THEN {moment}"
        f" WHEN NOT {text} RLIKE {spark_literal(IN_YEARS)} THEN NULL WHEN {before} = {after} THEN {before}"
        f" WHEN {by_before} AND NOT {by_after} THEN {before} WHEN {by_after} AND NOT {by_before} THEN {after} END"
    )


def words_of_number(form: NumberForm) -> str:
    """The form in words, which follow those of the type."""
    words = [f"decimals after {form.decimal_char!a}"]
    if form.group_char:
        words.append(f"thousands are separated by {form.group_char!a}, or not at all")
    if form.percent:
        words.append(f"% follows, and 12{form.decimal_char}5% is 0.125")
    return ", ".join(words)


def words_of_time(form: TimeForm, of_type: str) -> str:
    """The form in words. `of_type`: those of the type."""
    if form.unix:
        return f"a Unix time: the {form.unix} since 1970-01-01 00:00:00 UTC, in the years 1000 to 9999"
    words = [form.format or of_type]
    if form.zone:
        words.append(f"without an offset it is in {form.zone}, and rejected if clocks there skip or repeat it")
    if form.zone_names:
        words.append(", ".join(f"{name} is {offset}" for name, offset in form.zone_names))
    return "; ".join(words)


def _number(text: str, form: NumberForm, *, in_hundredths: bool) -> str:
    point, group = re.escape(form.decimal_char), re.escape(form.group_char)
    whole = f"([0-9]+|[0-9]{{1,3}}({group}[0-9]{{3}})+)" if group else "[0-9]+"
    number = f"[+-]?({whole}({point}[0-9]*)?|{point}[0-9]+)"
    end = f"[{SPACES_BEFORE_PERCENT}]?%" if form.percent else "([eE][+-]?[0-9]{1,3})?"
    same = f"trim({text})"
    for mark in (form.group_char, *("%" + SPACES_BEFORE_PERCENT if form.percent else "")):
        same = f"replace({same}, {spark_literal(mark)}, '')" if mark else same
    if form.decimal_char != ".":
        same = f"replace({same}, {spark_literal(form.decimal_char)}, '.')"
    return _if_formed(text, rf"^ *{number}{end} *\z", f"concat({same}, 'e-2')" if in_hundredths else same)


def _unix(text: str, unit: str) -> str:
    decimals = UNITS[unit]
    more = 6 - decimals
    fraction = f"([.]([0-9]{{1,{more}}})0{{0,9}})?" if more else "([.]0{1,9})?"
    pattern = rf"^ *(-?[0-9]{{1,{UNIX_DIGITS + decimals}}}){fraction} *\z"
    whole = f"regexp_extract({text}, {spark_literal(pattern)}, 1)"
    rest = f"rpad(regexp_extract({text}, {spark_literal(pattern)}, 3), {more}, '0')" if more else "''"
    return _if_formed(text, pattern, f"concat({whole}, {rest})")


def _time(text: str, parts: Sequence[Token], zone_names: dict[str, str], *, days: bool) -> str:
    pattern = spark_literal(rf"^ *{''.join(_pattern(token, zone_names) for token in parts)} *\z")
    found = {
        token.part: f"regexp_extract({text}, {pattern}, {group})"
        for group, token in enumerate((token for token in parts if token.part), start=1)
    }
    date = f"concat({_year(found)}, '-', {_month(found)}, '-', {_two_digits(found['day'])})"
    if days:
        return f"CASE WHEN {text} RLIKE {pattern} THEN {date} END"
    clock = [_hour(found), *(_two_digits(found[part]) if part in found else "'00'" for part in ("minute", "second"))]
    fraction = "''"
    if decimals := found.get("fraction"):
        fraction = f"CASE WHEN {decimals} <> '' THEN concat('.', {decimals}) ELSE '' END"
    offset = _offset(found, zone_names)
    whole = ", ".join([date, "'T'", clock[0], "':'", clock[1], "':'", clock[2], fraction, offset])
    return f"CASE WHEN {text} RLIKE {pattern} THEN concat({whole}) END"


def _pattern(token: Token, zone_names: dict[str, str]) -> str:
    if token.bracket:
        return "(?:" if token.text == "[" else ")?"
    if not token.part:
        return re.escape(token.text)
    if token.part == "zone":
        return f"({'|'.join(re.escape(name) for name in (*UTC_NAMES, *zone_names))})"
    if token.part == "offset":
        return OFFSETS[token.text]
    if token.part == "fraction":
        return f"([0-9]{{{len(token.text)}}})"
    return PATTERNS.get(token.part) or ("([0-9]{2})" if len(token.text) == 2 else "([0-9]{1,2})")


def _two_digits(text: str) -> str:
    return f"lpad({text}, 2, '0')"


def _year(found: dict[str, str]) -> str:
    return found["year"] if "year" in found else f"concat('20', {found['year of this century']})"


def _month(found: dict[str, str]) -> str:
    if "month" in found:
        return _two_digits(found["month"])
    numbers = " ".join(f"WHEN '{name}' THEN '{number:02}'" for number, name in enumerate(MONTHS, start=1))
    name = found["month's name"]
    return f"CASE {name} {numbers} END"


def _hour(found: dict[str, str]) -> str:
    """Of half a day, the hours are 1 to 12, and 12 comes first."""
    if "hour" in found:
        return _two_digits(found["hour"])
    hour, half = _two_digits(found["hour of half a day"]), f"upper({found['half of the day']})"
    hours = " ".join(
        f"WHEN '{number:02}{name}' THEN '{number % 12 + 12 * place:02}'"
        for place, name in enumerate(HALVES)
        for number in range(1, 13)
    )
    return f"CASE concat({hour}, {half}) {hours} END"


def _offset(found: dict[str, str], zone_names: dict[str, str]) -> str:
    if "offset" in found:
        return found["offset"]
    if "zone" not in found:
        return "''"
    utc = " ".join(f"WHEN '{name}' THEN 'Z'" for name in UTC_NAMES if name not in zone_names)
    others = " ".join(f"WHEN {spark_literal(name)} THEN '{offset}'" for name, offset in zone_names.items())
    return f"CASE {found['zone']} WHEN '' THEN '' {utc} {others} END"


def _if_formed(text: str, pattern: str, value: str) -> str:
    return f"CASE WHEN {text} RLIKE {spark_literal(pattern)} THEN {value} END"
