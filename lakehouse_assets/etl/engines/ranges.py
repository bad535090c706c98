"""A batch's keys as a handful of literal ranges, so that a look-up touches only the files whose statistics overlap
them.

One range from the smallest to the greatest key would be enough to be right, but a single far-off key would widen it to
the whole table. So the keys are sorted into buckets, each bucket's own least and greatest key make a range, and the
narrowest gaps are closed until few ranges are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from lakehouse_assets.contracts import Kind

BUCKETS = 4096
MOST_RANGES = 16

Range = tuple[int, int] | tuple[str, str]
Literal = Callable[[Any], str]
"""How an engine writes a value of a key or of a partition."""


def key_ranges(ask: Callable[[str], Iterable[Iterable[Any]]], relation: str, column: str, kind: Kind) -> list[Range]:
    """At most 16 ranges, both ends included, that hold all values of an integer column; for text one range. None where
    there are no values.

    `ask` gives the rows of a query in Spark's SQL. (As doubles great keys are rounded, which keeps their order: buckets
    stay apart and need not be exact.)
    """
    [(least, greatest, values)] = ask(f"SELECT min(`{column}`), max(`{column}`), count(`{column}`) FROM {relation}")
    return ranges_between(ask, relation, column, kind, least, greatest, values)


def ranges_between(
    ask: Callable[[str], Iterable[Iterable[Any]]],
    relation: str,
    column: str,
    kind: Kind,
    least: Any,
    greatest: Any,
    values: int,
) -> list[Range]:
    """As `key_ranges`, where the least and the greatest value are known, and how many there are: with as many values as
    numbers in between, no gap matters.
    """
    if least is None:
        return []
    if kind is Kind.STRING or greatest - least < max(BUCKETS, values):
        return [(least, greatest)]
    width = (greatest - least) // BUCKETS + 1
    found = sorted(
        (low, high)
        for low, high in ask(
            f"SELECT min(`{column}`), max(`{column}`) FROM {relation} WHERE `{column}` IS NOT NULL "
            f"GROUP BY floor((CAST(`{column}` AS DOUBLE) - {least}) / {width})"
        )
    )
    gaps = sorted(range(1, len(found)), key=lambda i: found[i][0] - found[i - 1][1], reverse=True)
    cuts = [0, *sorted(gaps[: MOST_RANGES - 1]), len(found)]
    return [(found[start][0], found[end - 1][1]) for start, end in pairwise(cuts)]


def extent(of_blocks: list[tuple[Any, Any, int]]) -> tuple[Any, Any, int]:
    """The least and the greatest value of a column, and how many it has, from those of the blocks."""
    present = [(least, greatest) for least, greatest, _ in of_blocks if least is not None]
    if not present:
        return None, None, 0
    return (
        min(least for least, _ in present),
        max(greatest for _, greatest in present),
        sum(values for _, _, values in of_blocks),
    )


def same_row(key: str, ranges: list[Range], partition: str, values: list[Any], literal: Literal) -> str:
    """What a row to write (s) and the table's row (t) of the same key have in common; names come quoted.

    Equal keys would do. The ranges of the keys to update and the partitions (if any) that their rows live in now are
    always true of them: by those Delta skips files.
    """
    in_partitions = f" AND t.{partition} IN ({', '.join(map(literal, values))})" if values else ""
    return f"t.{key} = s.{key} AND {within(f't.{key}', ranges, literal)}{in_partitions}"


def within(column: str, ranges: Iterable[Range], literal: Literal) -> str:
    """The predicate that the column lies in one of the ranges."""
    return "(" + " OR ".join(f"{column} BETWEEN {literal(low)} AND {literal(high)}" for low, high in ranges) + ")"
