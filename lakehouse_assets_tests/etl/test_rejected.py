"""The rejected records as a list of what is still wrong: the state of each, and what may be asked of them, over tables
of every age."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse_assets.contracts import SHIPPED, read_contracts
from lakehouse_assets.etl.rejected import COLUMNS, Rejected, State, Wanted

OLD = """SELECT * FROM (VALUES
  ('a:1', ['user_id: not int', 'date: required'], map {'order_id': ' 7 ', 'user_id': 'x'}, 'raw/orders/Monday.csv', 1, '2025-04-01', 'b1', NULL, false),
  ('a:2', ['user_id: no such users.user_id'], map {'order_id': '8'}, 'raw/orders/Monday.csv', 2, '2025-04-01', 'b1', NULL, true),
  ('b:1', ['user_id: no such users.user_id'], map {'order_id': '9'}, 'raw/orders/it''s.csv', 1, '2025-04-02', 'b2', 'b3', false)
) AS t(record_id, reasons, raw, source_file, row_number, day, batch_id, healed_by, waiting)"""
BOTH = (
    "SELECT record_id, 'orders' AS dataset, reasons, raw, source_file, CAST(row_number AS BIGINT) AS row_number,"
    " CAST(day || 'T12:00:00Z' AS TIMESTAMPTZ) AS "
)


def rejected_in(folder: Path, *, resolved: str = "") -> Rejected:
    """The records of OLD. `resolved`: the columns of a table that says how a record was resolved."""
    with duckdb.connect() as connection:
        rows = connection.sql(f"{BOTH} source_modified_at, batch_id, healed_by, waiting{resolved} FROM ({OLD})")
        write_deltalake(str(folder / "orders"), rows)
    return Rejected(read_contracts(SHIPPED)["orders"], DeltaTable(str(folder / "orders")), folder / "scratch", 128)


@pytest.fixture
def old(tmp_path: Path) -> Rejected:
    return rejected_in(tmp_path)


@pytest.fixture
def new(tmp_path: Path) -> Rejected:
    """As the batch b4 left them: the first is corrected."""
    corrected = "CASE WHEN record_id = 'a:1' THEN '{}' END"
    columns = (
        f", trim(raw['order_id']) AS key, {corrected.format('b4')} AS resolved_by, {corrected.format('corrected')} AS"
        " resolution"
    )
    return rejected_in(tmp_path, resolved=columns)


def found(rejected: Rejected, **asked: Any) -> list[tuple[str, int]]:
    """File and row of the records, whatever their state unless one is asked for."""
    named = [
        dict(zip(COLUMNS, record, strict=True))
        for record in rejected.records(Wanted(**{"states": tuple(State), **asked}))
    ]
    return [(record["source_file"].rpartition("/")[2], record["row_number"]) for record in named]


def test_what_is_open_or_waits_is_what_is_asked_for(old: Rejected) -> None:
    assert [record[1] for record in old.records(Wanted())] == ["open", "waiting"]


def test_a_table_of_an_older_version_knows_healed_records_as_resolved(old: Rejected) -> None:
    [record] = old.records(Wanted(states=(State.RESOLVED,)))
    assert dict(zip(COLUMNS, record, strict=True)) == {
        "dataset": "orders",
        "state": "resolved",
        "reasons": ["user_id: no such users.user_id"],
        "raw": {"order_id": "9"},
        "source_file": "raw/orders/it's.csv",
        "row_number": 1,
        "batch_id": "b2",
        "healed_by": "b3",
        "resolved_by": "b3",
        "resolution": "healed",
    }


def test_a_corrected_record_is_resolved_and_says_by_which_batch(new: Rejected) -> None:
    resolved = [dict(zip(COLUMNS, record, strict=True)) for record in new.records(Wanted(states=(State.RESOLVED,)))]
    assert [
        (record["row_number"], record["resolved_by"], record["resolution"], record["healed_by"]) for record in resolved
    ] == [
        (1, "b4", "corrected", None),
        (1, "b3", "healed", "b3"),
    ]
    assert found(new, states=(State.OPEN,)) == []


@pytest.mark.parametrize("age", ["old", "new"])
@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ({"reason": "NO SUCH users"}, [("Monday.csv", 2), ("it's.csv", 1)]),
        ({"reason": "required"}, [("Monday.csv", 1)]),
        ({"file": "monday"}, [("Monday.csv", 1), ("Monday.csv", 2)]),
        ({"file": "it's"}, [("it's.csv", 1)]),
        ({"batch": "b2"}, [("it's.csv", 1)]),
        ({"key": "7"}, [("Monday.csv", 1)]),
        ({"key": "x"}, []),
        ({"since": date(2025, 4, 2)}, [("it's.csv", 1)]),
        ({"until": date(2025, 4, 1)}, [("Monday.csv", 1), ("Monday.csv", 2)]),
        ({"reason": "no such", "file": "Monday", "until": date(2025, 4, 1)}, [("Monday.csv", 2)]),
    ],
)
def test_it_can_be_asked_for_by(
    request: pytest.FixtureRequest, age: str, asked: dict[str, Any], rows: list[tuple[str, int]]
) -> None:
    assert found(request.getfixturevalue(age), **asked) == rows


def test_what_is_not_shown_is_counted(old: Rejected) -> None:
    assert old.counts(Wanted()) == {State.OPEN: 1, State.WAITING: 1, State.RESOLVED: 1}
    assert old.counts(Wanted(states=(State.OPEN,))) == {State.OPEN: 1, State.WAITING: 1, State.RESOLVED: 1}
    assert old.counts(Wanted(batch="b2")) == {State.RESOLVED: 1}
