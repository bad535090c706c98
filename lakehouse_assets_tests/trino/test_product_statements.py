"""Every statement that the product sends to Athena, asked of Trino too: the checks after each load, the state machine's among them, and the kept queries."""

from __future__ import annotations

import pytest

from lakehouse_assets.catalog.checks import checks_sql
from lakehouse_assets.cli.query import named_queries, statement_of
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets_tests.sql.test_queries import files, loaded  # noqa: F401 - fixtures
from lakehouse_assets_tests.trino.asking import alike, ask_athena, ask_trino, in_any_order
from lakehouse_assets_tests.trino.server import Server

pytestmark = pytest.mark.trino
A_CENT = 0.0101
"""Half a cent may be rounded either way: sums of doubles depend on their order."""


@pytest.mark.parametrize("name", named_queries())
def test_a_kept_query_finds_the_same_rows(name: str, loaded: Lakehouse, trino: Server) -> None:  # noqa: F811
    assert_same(statement_of(name), loaded, trino)


@pytest.mark.parametrize("dataset", read_contracts())
def test_the_checks_count_the_same(dataset: str, loaded: Lakehouse, trino: Server) -> None:  # noqa: F811
    """The state machine's are made by the same function (aws_deploy/table_states.py)."""
    [first, *_] = loaded.history()
    assert_same(checks_sql(loaded.contracts[dataset], first["batch_id"]), loaded, trino)


def assert_same(sql: str, lakehouse: Lakehouse, trino: Server) -> None:
    by_trino, by_athena = ask_trino(trino, lakehouse.settings.database, sql), ask_athena(lakehouse, sql)
    assert by_trino.refused is None, by_trino.refused
    assert by_trino.rows
    if "ORDER BY" not in sql:
        by_trino, by_athena = in_any_order(by_trino), in_any_order(by_athena)
    assert alike(by_trino, by_athena, within=A_CENT), (by_trino, by_athena)
