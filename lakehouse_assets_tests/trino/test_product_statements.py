"""Every statement that the product sends to Athena, asked of Trino too: the checks after each load, the state machine's
among them, and the kept queries.
"""

from __future__ import annotations

import pytest

from aws_deploy.acceptance.answers import A_CENT, alike, in_any_order
from aws_deploy.acceptance.statements import product_statements
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import SHIPPED, read_contracts
from lakehouse_assets_tests.sql.test_queries import files, loaded  # noqa: F401 - fixtures
from lakehouse_assets_tests.trino.asking import ask_athena, ask_trino
from lakehouse_assets_tests.trino.server import Server

pytestmark = pytest.mark.trino


@pytest.mark.parametrize("name", product_statements(read_contracts(SHIPPED), ""))
def test_trino_and_the_embedded_athena_answer_the_same(name: str, loaded: Lakehouse, trino: Server) -> None:  # noqa: F811
    [first, *_] = loaded.reports.all()
    sql = product_statements(loaded.contracts, first["batch_id"])[name]
    by_trino, by_athena = ask_trino(trino, loaded.settings.database, sql), ask_athena(loaded, sql)
    assert by_trino.refused is None, by_trino.refused
    assert by_trino.rows
    if "ORDER BY" not in sql:
        by_trino, by_athena = in_any_order(by_trino), in_any_order(by_athena)
    assert alike(by_trino, by_athena, within=A_CENT), (by_trino, by_athena)
