"""The literal ranges by which a look-up skips files: they hold every key, they are few, and far-off keys do not widen
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.contracts import Kind
from lakehouse_assets.etl.engines.ranges import BUCKETS, MOST_RANGES, Range, key_ranges, same_row, within
from lakehouse_assets.etl.plan import for_duckdb
from lakehouse_assets.quoting import sql_literal

INTS = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def asking(connection: duckdb.DuckDBPyConnection) -> Callable[[str], list[tuple[Any, ...]]]:
    return lambda spark_sql: connection.execute(for_duckdb(spark_sql)).fetchall()


def ranges(connection: duckdb.DuckDBPyConnection, keys: Sequence[int | None]) -> list[tuple[int, int]]:
    connection.execute("CREATE OR REPLACE TABLE keys (key BIGINT)")
    if keys:
        connection.executemany("INSERT INTO keys VALUES (?)", [(key,) for key in keys])
    return [(int(low), int(high)) for low, high in key_ranges(asking(connection), "keys", "key", Kind.BIGINT)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), INTS, st.integers(-9999, 9999), st.integers(10**9, 10**9 + 5)), max_size=60))
def test_the_ranges_hold_all_keys_and_are_few(connection: duckdb.DuckDBPyConnection, keys: list[int | None]) -> None:
    found = ranges(connection, keys)
    present = [key for key in keys if key is not None]
    assert len(found) <= MOST_RANGES
    assert all(any(low <= key <= high for low, high in found) for key in present)
    assert all(low in present and high in present for low, high in found)
    assert [bound for pair in found for bound in pair] == sorted(bound for pair in found for bound in pair)


def test_one_far_off_key_has_a_range_of_its_own(connection: duckdb.DuckDBPyConnection) -> None:
    assert ranges(connection, [*range(1000, 1100), 2_000_000_000]) == [(1000, 1099), (2_000_000_000, 2_000_000_000)]


def test_the_widest_gaps_are_left_out(connection: duckdb.DuckDBPyConnection) -> None:
    starts = [cluster * 1_000_000 + (cluster // 4) * 10_000_000 for cluster in range(64)]
    found = ranges(connection, [start + offset for start in starts for offset in range(3)])
    assert found == [(starts[first], starts[first + 3] + 2) for first in range(0, 64, 4)]


def test_keys_close_together_are_one_range(connection: duckdb.DuckDBPyConnection) -> None:
    assert ranges(connection, [5, 5 + BUCKETS - 1]) == [(5, 5 + BUCKETS - 1)]


def test_no_keys_no_ranges(connection: duckdb.DuckDBPyConnection) -> None:
    assert ranges(connection, []) == ranges(connection, [None]) == []


def test_text_keys_are_one_range(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE OR REPLACE TABLE texts AS SELECT unnest(['b', 'é', 'a''z', NULL]) AS key")
    found = key_ranges(asking(connection), "texts", "key", Kind.STRING)
    assert found == [("a'z", "é")]
    assert within("k", found, sql_literal) == "(k BETWEEN 'a''z' AND 'é')"


def test_a_predicate_of_several_ranges() -> None:
    assert within("t.k", [(-3, 4), (7, 7)], sql_literal) == "(t.k BETWEEN -3 AND 4 OR t.k BETWEEN 7 AND 7)"


def test_rows_of_a_merge_are_the_same_by_each_column_of_the_key_and_its_ranges() -> None:
    ranges: dict[str, list[Range]] = {'"a"': [(1, 2)], '"b"': [("x", "y"), ("z", "z")]}
    assert same_row(ranges, '"p"', ["q"], sql_literal) == (
        't."a" = s."a" AND t."b" = s."b" AND (t."a" BETWEEN 1 AND 2) AND'
        " (t.\"b\" BETWEEN 'x' AND 'y' OR t.\"b\" BETWEEN 'z' AND 'z') AND t.\"p\" IN ('q')"
    )
