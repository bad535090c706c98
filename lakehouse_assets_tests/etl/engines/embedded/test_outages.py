"""An S3 that does not answer is an outage, to be tried again, wherever a table is opened, read or written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine, delta
from lakehouse_assets_tests.etl.support import House, row, rows_file

NOBODY_LISTENS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
    "max_retries": "0",
}


@pytest.mark.parametrize(
    "opened", [lambda uri: delta.existing_table(uri, NOBODY_LISTENS), lambda uri: delta.open_table(uri, {"a": "int"}, None, NOBODY_LISTENS)]
)
def test_a_table_that_cannot_be_reached_is_named_in_plain_words(opened: Callable[[str], object]) -> None:
    with pytest.raises(TemporaryOutage, match=r"s3://bucket/table cannot be reached: .*Generic S3 error") as failed:
        opened("s3://bucket/table")
    assert "\x1b" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_refused_connection_while_writing_is_one_too(tmp_path: Path) -> None:
    def refused() -> None:
        raise OSError("Generic S3 error: connection refused")

    table = delta.open_table(str(tmp_path / "table"), {"a": "int"}, None, {})
    with pytest.raises(TemporaryOutage, match="table/ cannot be reached: Generic S3 error: connection refused"):
        delta.with_outage_named(table, refused)


def test_rows_that_stop_coming_while_duckdb_reads_them_are_one_and_a_lost_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's files are gone from the disk, which stands for both: what DuckDB says of it is the store's own words."""
    house = House(EmbeddedEngine(tmp_path / "scratch"), tmp_path, read_contracts())
    house.load("products", "b1", rows_file("products", row("products")))
    for file in Path(house.tables.table("products")).rglob("*.parquet"):
        file.unlink()

    def load() -> None:
        house.load("products", "b2", rows_file("products", row("products"), minutes=1))

    with pytest.raises(Exception, match="not found") as lost:
        load()
    assert not isinstance(lost.value, TemporaryOutage)
    monkeypatch.setattr(delta, "OUTAGE", "Object Store error")
    with pytest.raises(TemporaryOutage, match="A table that products is held against cannot be reached"):
        load()
