r"""A type is defined by a written form: a pattern and a range. It does not depend on what an engine's cast accepts.

Measured: DuckDB casts `1.0` and `1e3` to INTEGER, Spark returns NULL; Spark accepts `1d`, `NaN` and `Infinity` as
DOUBLE; both accept more timestamps than a person means. So the pattern decides, and try_cast converts what matches.
`CASE WHEN pattern THEN CAST` would still fail in Spark (it evaluates common subexpressions outside the CASE), hence
try_cast everywhere.

Spaces (U+0020) around a value are part of every form except string's. DuckDB's trim removes all Unicode spaces and
Spark's only this one: where it matters, `replace` is used. `\z` is the end of the text in both engines; Java's `$`
would also match before a last newline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lakehouse_assets.contracts import Column, Kind
from lakehouse_assets.contracts.columns import FALSE_VALUES, TRUE_VALUES
from lakehouse_assets.contracts.model import WHOLE_NUMBERS, NumberForm, TimeForm
from lakehouse_assets.etl.plan.forms import from_unix, in_zone, rewritten, words_of_number, words_of_time
from lakehouse_assets.quoting import spark_literal

INTEGER = r"^ *[+-]?[0-9]{1,19}([.]0+)? *\z"
"""A fraction of zeros is allowed: pandas writes each column of whole numbers that has a gap as `15.0`."""
DOUBLE = r"^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})? *\z"
DATE = r"^ *[1-9][0-9]{3}-[0-9]{2}-[0-9]{2} *\z"
CLOCK = r"-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?"
TIMESTAMP = (
    rf"^ *([1-9][0-9]{{3}}{CLOCK}Z?|(1[1-9]|[2-8][0-9]|9[0-8])[0-9]{{2}}{CLOCK}[+-](0[0-9]|1[0-4]):[0-5][0-9]) *\z"
)
"""With an offset, the year is from 1100 to 9899, so that it still has four digits in UTC. (Comparing the values would
cost more than twice as much as the match.)
"""
CLOCK_TOO = rf"{CLOCK.replace('T ', 'Tt ')}0{{0,3}}"
TIMESTAMP_TOO = (
    rf"^ *([1-9][0-9]{{3}}{CLOCK_TOO} ?(Z|z|UTC)?|(1[1-9]|[2-8][0-9]|9[0-8])[0-9]{{2}}{CLOCK_TOO}"
    r" ?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?) *\z"
)
"""The same instants as other programs write them: PostgreSQL `+00`, Shopify ` +0200`, BigQuery ` UTC`, SQL Server and
pandas seven to nine decimals. After the sixth decimal only zeros are accepted: a column holds microseconds, and no
digit other than zero is dropped.
"""
FINITE = "1.0E300"
"""Doubles must be below this. It excludes infinity, which 1e400 becomes, and NaN, which sorts above all numbers in both
engines.
"""

FINITE_FLOAT = "3.4E38"
LEADING_ZEROS = "0{0,99}"

FORMS = {
    Kind.SMALLINT: (
        "a whole number from -32768 to 32767: digits, optionally with a sign, a fraction of zeros, and spaces around it"
    ),
    Kind.INT: (
        "a whole number from -2147483648 to 2147483647: digits, optionally with a sign, a fraction of zeros, and spaces"
        " around it"
    ),
    Kind.BIGINT: (
        "a whole number of up to 19 digits, optionally with a sign, a fraction of zeros, and spaces around it"
    ),
    Kind.DECIMAL: (
        "decimal(p,s): a number of up to p digits, of which s are decimals, such as 12.50 for decimal(4,2), optionally"
        " with a sign and spaces around it, without an exponent; further decimals must be zeros, because nothing is"
        " rounded"
    ),
    Kind.FLOAT: "a decimal number below 3.4e38, such as 12.5 or 1.2e3; the nearest number in single precision is kept",
    Kind.DOUBLE: "a finite decimal number, such as 12.5 or 1.2e3",
    Kind.BOOLEAN: (
        f"{', '.join(TRUE_VALUES)} for true, {', '.join(FALSE_VALUES)} for false, or the texts that the contract lists"
        " as trueValues and falseValues"
    ),
    Kind.STRING: "any text, unchanged; a blank text is a missing value",
    Kind.DATE: "a day as YYYY-MM-DD",
    Kind.TIMESTAMP: (
        "YYYY-MM-DDTHH:MM:SS (or a space for the T), up to six decimals (or nine that end in zeros), optionally Z, UTC"
        " or an offset such as +02:00, +0200 or +02; without one it is UTC"
    ),
}
"""Each type's written form in words, for `lakehouse explain` and the docs."""


def form_of(column: Column) -> str:
    """The written form of a column's values in words."""
    if isinstance(column.form, TimeForm):
        return words_of_time(column.form, FORMS[column.kind])
    if isinstance(column.form, NumberForm):
        return f"{form_of(replace(column, form=None))}; {words_of_number(column.form)}"
    if column.kind is Kind.BOOLEAN:
        return f"{' or '.join(column.true_values)} for true, {' or '.join(column.false_values)} for false"
    if column.digits:
        digits, decimals = column.digits
        return (
            f"a number of at most {digits - decimals} digits before the point and {decimals} after it (more only if"
            " they are zeros), without an exponent; nothing is rounded"
        )
    return FORMS[column.kind]


def blank(text: str) -> str:
    """The predicate that a raw text is missing: NULL, or only spaces."""
    return f"coalesce(replace({text}, ' ', ''), '') = ''"


def texts(column: Column) -> list[str]:
    """Returns what `typed` and `blank` read, as expressions on `raw`: the column's text (empty if it means that there
    is no value), the text rewritten from its declared form, and the number that a cast makes of it.

    (If the cast were part of one expression with its uses, Spark would cast twice: measured, a tenth of the time to
    validate rows. A text that is not a number costs Spark an exception, 7 microseconds, so empty texts, the most
    frequent ones, are not cast.)
    """
    text = f"raw.`{column.name}`"
    if column.missing_values:
        text = f"CASE WHEN {text} RLIKE {spark_literal(one_of(column.missing_values))} THEN '' ELSE {text} END"
    found = [f"{text} AS {text_of(column)}"]
    if same := rewritten(text, column):
        found.append(f"{same} AS {_formed_text(column)}")
    if column.kind in WHOLE_NUMBERS:
        found.append(f"try_cast(nullif({same or text}, '') AS {column.kind.upper()}) AS {_number(column)}")
    return found


def texts_from(columns: Iterable[Column]) -> str:
    """Returns the relation that `typed` reads: `as_read`, which has the `texts`, and with it, if there are any, the
    local times, as if they were UTC's.
    """
    clocks = [f"{_moment(_formed_text(column))} AS {_clock(column)}" for column in columns if _is_local(column)]
    separator = ",\n    "
    return f"(SELECT {separator.join(['*', *clocks])} FROM as_read)" if clocks else "as_read"


def text_of(column: Column) -> str:
    """The name of the column's raw text. No column can have this name."""
    return f"`{column.name} as text`"


def _formed_text(column: Column) -> str:
    """The name of the column's text in the form of its type."""
    return f"`{column.name} in its form`" if rewritten("", column) else text_of(column)


def _clock(column: Column) -> str:
    return f"`{column.name} as local time`"


def _is_local(column: Column) -> bool:
    return isinstance(column.form, TimeForm) and column.form.zone is not None


def _number(column: Column) -> str:
    return f"`{column.name} as number`"


def typed(column: Column) -> str:
    """Returns the typed value of a raw column, in Spark SQL. It is NULL if the text is blank or does not have the
    type's written form.
    """
    text = _formed_text(column)
    match column.kind:
        case Kind.STRING:
            return f"CASE WHEN replace({text}, ' ', '') <> '' THEN {text} END"
        case Kind.SMALLINT | Kind.INT | Kind.BIGINT:
            return _whole_number(text, _number(column), column.kind.upper())
        case Kind.DATE:
            return _formed(text, DATE, f"try_cast(trim({text}) AS DATE)")
        case Kind.TIMESTAMP if isinstance(column.form, TimeForm) and column.form.unix:
            return from_unix(text)
        case Kind.TIMESTAMP if isinstance(column.form, TimeForm) and column.form.zone:
            return in_zone(text, _clock(column), column.form.zone)
        case Kind.TIMESTAMP:
            return _moment(text)
        case Kind.DECIMAL if isinstance(column.form, NumberForm) and column.form.percent:
            return _hundredth(column, text)
        case Kind.DOUBLE:
            value = f"try_cast(trim({text}) AS DOUBLE)"
            return f"CASE WHEN {text} RLIKE {spark_literal(DOUBLE)} AND abs({value}) < {FINITE} THEN {value} END"
        case Kind.FLOAT:
            value, double = (f"try_cast(trim({text}) AS {kind})" for kind in ("FLOAT", "DOUBLE"))
            return f"CASE WHEN {text} RLIKE {spark_literal(DOUBLE)} AND abs({double}) < {FINITE_FLOAT} THEN {value} END"
        case Kind.DECIMAL:
            return _formed(text, _decimal(column), f"try_cast(trim({text}) AS {column.type.upper()})")
        case Kind.BOOLEAN:
            true, false = (spark_literal(one_of(texts)) for texts in (column.true_values, column.false_values))
            return f"CASE WHEN {text} RLIKE {true} THEN TRUE WHEN {text} RLIKE {false} THEN FALSE END"


def _hundredth(column: Column, text: str) -> str:
    """The value of a decimal's percentage, which has two decimals less, and is multiplied exactly."""
    digits, decimals = column.digits or (0, 0)
    percentage = replace(column, digits=(digits, decimals - 2))
    number = f"try_cast(trim({text}) AS {percentage.type.upper()})"
    return _formed(
        text, _decimal(percentage), f"try_cast({number} * CAST('0.01' AS DECIMAL(3,2)) AS {column.type.upper()})"
    )


def one_of(texts: Sequence[str]) -> str:
    """The pattern of a text that is one of these, with spaces around it."""
    return rf"^ *({'|'.join(re.escape(text) for text in texts)}) *\z"


def _decimal(column: Column) -> str:
    """The pattern of a decimal: a cast would round what has more decimals."""
    digits, decimals = column.digits or (0, 0)
    before = f"{LEADING_ZEROS}[0-9]{{1,{digits - decimals}}}" if digits > decimals else "0{1,99}"
    forms = [rf"{before}([.][0-9]{{0,{decimals}}}0{{0,99}})?"]
    if decimals:
        forms.append(rf"{LEADING_ZEROS}[.][0-9]{{1,{decimals}}}0{{0,99}}")
    return rf"^ *[+-]?({'|'.join(forms)}) *\z"


def _whole_number(text: str, number: str, kind: str) -> str:
    """A text that equals its number written back needs no pattern. Nearly all values are of this kind, and it takes
    half the time of matching (5 million rows x 7 columns).
    """
    return (
        f"CASE WHEN CAST({number} AS STRING) = {text} THEN {number} WHEN {text} RLIKE {spark_literal(INTEGER)} THEN"
        f" {_before_point(text, kind)} END"
    )


def _before_point(text: str, kind: str) -> str:
    """The point and the zeros after it are cut off as text: a cast of them rounds in DuckDB and fails in Spark."""
    return f"try_cast(split_part(trim({text}), '.', 1) AS {kind})"


def _moment(text: str) -> str:
    """Both engines cast the first form. In the second form, the time of day ends at the 19th character; what follows is
    rewritten as in the first form. (Nearly all rows of a file have the same form, and pay only for that one.)
    """
    whole = f"trim({text})"
    rest = f"replace(replace(upper(substring({whole}, 20)), ' ', ''), 'UTC', 'Z')"
    same = f"concat(substring({whole}, 1, 10), 'T', substring({whole}, 12, 8), {rest})"
    return (
        f"CASE WHEN {text} RLIKE {spark_literal(TIMESTAMP)} THEN try_cast({whole} AS TIMESTAMP) "
        f"WHEN {text} RLIKE {spark_literal(TIMESTAMP_TOO)} THEN try_cast({same} AS TIMESTAMP) END"
    )


def _formed(text: str, pattern: str, value: str) -> str:
    return f"CASE WHEN {text} RLIKE {spark_literal(pattern)} THEN {value} END"
