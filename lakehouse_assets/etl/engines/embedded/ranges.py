"""A batch's keys as a handful of literal ranges, so that a look-up touches only the files whose statistics overlap them.

One range from the smallest to the greatest key would be enough to be right, but a single far-off key would widen it to the whole table. So the keys are sorted
into buckets, each bucket's own least and greatest key make a range, and the narrowest gaps are closed until few ranges are left.
"""

from __future__ import annotations

from itertools import pairwise

import duckdb

from lakehouse_assets.contracts import Kind

BUCKETS = 4096
MOST_RANGES = 16

Range = tuple[int, int] | tuple[str, str]


def key_ranges(connection: duckdb.DuckDBPyConnection, relation: str, column: str, kind: Kind) -> list[Range]:
    """At most 16 ranges, both ends included, that hold all values of an integer column; for text one range. None where there are no values."""
    [(least, greatest)] = connection.execute(f'SELECT min("{column}"), max("{column}") FROM {relation}').fetchall()
    if least is None:
        return []
    if kind is Kind.STRING or greatest - least < BUCKETS:
        return [(least, greatest)]
    width = (greatest - least) // BUCKETS + 1
    found = connection.execute(
        f'SELECT min("{column}"), max("{column}") FROM {relation} WHERE "{column}" IS NOT NULL '
        f'GROUP BY (CAST("{column}" AS HUGEINT) - {least}) // {width} ORDER BY 1'
    ).fetchall()
    gaps = sorted(range(1, len(found)), key=lambda i: found[i][0] - found[i - 1][1], reverse=True)
    cuts = [0, *sorted(gaps[: MOST_RANGES - 1]), len(found)]
    return [(found[start][0], found[end - 1][1]) for start, end in pairwise(cuts)]


def within(column: str, ranges: list[Range]) -> str:
    """The predicate that the column lies in one of the ranges, in SQL that DataFusion and Spark take."""
    return "(" + " OR ".join(f"{column} BETWEEN {literal(low)} AND {literal(high)}" for low, high in ranges) + ")"


def literal(value: int | str) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
