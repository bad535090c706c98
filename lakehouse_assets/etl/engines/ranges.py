"""Turns a batch's keys into a few literal ranges, so that a look-up reads only the files whose statistics overlap them.

One range from the smallest to the greatest key would be correct, but a single outlier would widen it to the whole
table. So the keys are sorted into buckets, the least and the greatest key of each bucket form a range, and ranges with
the narrowest gaps between them are merged until few are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from lakehouse_assets.contracts import Kind

BUCKETS = 4096
MOST_RANGES = 16

Range = tuple[int, int] | tuple[str, str]
Literal = Callable[[Any], str]
"""Writes a value of a key or of a partition as a literal of the engine's SQL."""


def key_ranges(ask: Callable[[str], Iterable[Iterable[Any]]], relation: str, column: str, kind: Kind) -> list[Range]:
    """Returns at most 16 ranges, both ends included, that contain all values of an integer column; for text, one range.
    Returns an empty list if there are no values.

    `ask` returns the rows of a query in Spark SQL. (The cast to double rounds great keys but keeps their order, so
    buckets do not overlap. They need not be exact.)
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
    """Like `key_ranges`, for a known least value, greatest value and number of values. If there are as many values as
    numbers between the two, gaps do not matter.
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
    """Returns the least value, the greatest value and the number of values of a column, from those of its blocks."""
    present = [(least, greatest) for least, greatest, _ in of_blocks if least is not None]
    if not present:
        return None, None, 0
    return (
        min(least for least, _ in present),
        max(greatest for _, greatest in present),
        sum(values for _, _, values in of_blocks),
    )


def same_row(ranges: Mapping[str, list[Range]], partition: str, values: list[Any], literal: Literal) -> str:
    """Returns the condition of a MERGE: a row to write (s) and the table's row (t) have the same key. `ranges`: by
    column of the key, the ranges of the rows to update. Names are passed in quotes.

    Equal keys would be enough. The ranges, and the partitions (if any) that contain the rows to update, are always true
    for these rows; they let Delta skip files.
    """
    same = " AND ".join(f"t.{key} = s.{key}" for key in ranges)
    in_partitions = f" AND t.{partition} IN ({', '.join(map(literal, values))})" if values else ""
    return f"{same} AND {within_each({f't.{key}': found for key, found in ranges.items()}, literal)}{in_partitions}"


def within_each(ranges: Mapping[str, list[Range]], literal: Literal) -> str:
    """Returns the predicate that each column's value is in one of its ranges."""
    return " AND ".join(within(column, found, literal) for column, found in ranges.items())


def within(column: str, ranges: Iterable[Range], literal: Literal) -> str:
    """Returns the predicate that the column's value is in one of the ranges."""
    return "(" + " OR ".join(f"{column} BETWEEN {literal(low)} AND {literal(high)}" for low, high in ranges) + ")"
