"""OPTIMIZE by delta-rs that meets another OPTIMIZE of the same files: it doubles no row, or says that it may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.table import TableOptimizer

from lakehouse_assets.errors import LakehouseError, TemporaryOutage
from lakehouse_assets.etl.engines.embedded import delta


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A table of three rows in three files."""
    for number in range(3):
        append(str(tmp_path), number)
    return str(tmp_path)


def append(uri: str, number: int) -> None:
    rows: Any = duckdb.sql(f"SELECT {number} AS id")
    write_deltalake(uri, rows, mode="append")


def test_compacting_behind_another_is_taken_back_and_refused(uri: str) -> None:
    table = DeltaTable(uri)
    DeltaTable(uri).optimize.compact()
    with pytest.raises(TemporaryOutage, match="another writer committed"):
        delta.maintain(table, 168)
    assert DeltaTable(uri).count() == 3
    assert delta.maintain(DeltaTable(uri), 168)[:2] == (0, 0)


def test_compacting_between_others_is_left_as_it_is_and_said(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To take it back would take back the later commit, too."""
    compact = TableOptimizer.compact

    def with_others(optimizer: TableOptimizer, **given: Any) -> dict[str, Any]:
        append(uri, 3)
        done = compact(optimizer, **given)
        append(uri, 4)
        optimizer.table.update_incremental()
        return done

    monkeypatch.setattr(TableOptimizer, "compact", with_others)
    with pytest.raises(LakehouseError, match="`lakehouse check`: it finds keys that are in the table twice"):
        delta.maintain(DeltaTable(uri), 168)
    assert DeltaTable(uri).count() == 5
