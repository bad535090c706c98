"""The types and forms that the values of a column may have, for a draft of a contract. A type fits if each value has
its written form; nothing else decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from lakehouse_assets.contracts import Column, Kind
from lakehouse_assets.contracts.columns import FALSE_VALUES, TRUE_VALUES
from lakehouse_assets.contracts.model import NUMBERS, Form, NumberForm, TimeForm
from lakehouse_assets.etl.plan import for_duckdb
from lakehouse_assets.etl.plan.types import blank, text_of, texts, typed

MISSING = ("NULL", "null", "NA", "N/A", "n/a", "#N/A", "None", "none", "-")
"""Words that often stand for a missing value."""
CODE = r"'^ *[+-]?0[0-9]'"
"""A number that begins with a zero, such as 00123, is a code: as a number it would lose its zeros."""
TYPES = (Kind.INT, Kind.BIGINT, Kind.DOUBLE, Kind.DATE, Kind.TIMESTAMP, Kind.BOOLEAN)
"""The types in the order in which they are tried; a column that has none of them is text."""
CLOCK = " HH:mm[:ss]"
FORMS: Sequence[tuple[Kind, tuple[Form, ...]]] = (
    (Kind.DOUBLE, (NumberForm(",", "."), NumberForm(".", ","))),
    (Kind.DATE, (TimeForm("d.M.yyyy"),)),
    (Kind.DATE, (TimeForm("d/M/yyyy"), TimeForm("M/d/yyyy"))),
    (Kind.TIMESTAMP, (TimeForm(f"yyyy-MM-dd{CLOCK}"),)),
    (Kind.TIMESTAMP, (TimeForm(f"d.M.yyyy{CLOCK}"),)),
    (Kind.TIMESTAMP, (TimeForm(f"d/M/yyyy{CLOCK}"), TimeForm(f"M/d/yyyy{CLOCK}"))),
)
"""Types in other forms than their own, tried after those. If values have several forms of one entry, such as
03/04/2025, nobody can tell which one is meant.
"""


@dataclass(frozen=True)
class Guess:
    """`column`: with its type and form. `either`: the forms of which one is meant, if the rows do not show which."""

    column: Column
    either: tuple[Form, ...] = ()


def guesses(connection: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> list[Guess]:
    """What the columns of the relation `raw`, which are texts, may be. A column without a value is text."""
    found: dict[str, Guess] = {}
    tries: list[tuple[Kind, tuple[Form | None, ...]]] = [*((kind, (None,)) for kind in TYPES), *FORMS]
    for kind, forms in tries:
        rest = [column for column in columns if column.name not in found]
        fitting: dict[str, list[Column]] = {}
        for form in forms:
            for column in _fitting(connection, [_as(column, kind, form) for column in rest]):
                fitting.setdefault(column.name, []).append(column)
        for column in rest:
            match fitting.get(column.name):
                case [only]:
                    found[column.name] = Guess(only)
                case [_, *_] as several:
                    found[column.name] = Guess(column, tuple(one.form for one in several if one.form))
    return [_with_words(connection, found.get(column.name, Guess(column))) for column in columns]


def _as(column: Column, kind: Kind, form: Form | None) -> Column:
    tried = replace(column, kind=kind, form=form, missing_values=MISSING)
    return replace(tried, true_values=TRUE_VALUES, false_values=FALSE_VALUES) if kind is Kind.BOOLEAN else tried


def _fitting(connection: duckdb.DuckDBPyConnection, tried: Sequence[Column]) -> list[Column]:
    """The columns that have a value, and whose values all have the type's form."""
    if not tried:
        return []
    read = ", ".join(text for column in tried for text in texts(column))
    misfits = ", ".join(
        f"count(CASE WHEN NOT ({blank(text_of(column))}) AND (({typed(column)}) IS NULL OR {_is_code(column)})"
        f" THEN 1 END), count(CASE WHEN NOT ({blank(text_of(column))}) THEN 1 END)"
        for column in tried
    )
    sql = f"WITH as_read AS (SELECT {read} FROM raw) SELECT {misfits} FROM as_read"
    [counts] = connection.execute(for_duckdb(sql)).fetchall()
    return [column for place, column in enumerate(tried) if counts[2 * place + 1] and not counts[2 * place]]


def _is_code(column: Column) -> str:
    return f"{text_of(column)} RLIKE {CODE}" if column.kind in NUMBERS else "FALSE"


def _with_words(connection: duckdb.DuckDBPyConnection, guess: Guess) -> Guess:
    """With those words of MISSING that the column has."""
    name = guess.column.name
    found = connection.execute(
        f"""SELECT DISTINCT trim("{name}", ' ') FROM raw WHERE trim("{name}", ' ') IN (SELECT unnest($words))""",
        {"words": list(MISSING)},
    ).fetchall()
    words = {word for (word,) in found}
    return replace(guess, column=replace(guess.column, missing_values=tuple(w for w in MISSING if w in words)))
