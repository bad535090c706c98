"""The embedded Athena against Trino: what both answer is the same; all else the embedded one refuses, with a reason.

`expressions.txt` holds one expression over the table `kinds` a line, `statements.txt` one whole statement, `refused.txt` what the embedded Athena refuses:
Trino refuses it too, or answers what DuckDB would answer otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from aws_deploy.acceptance.answers import Answer, alike
from lakehouse_assets.catalog.entries import delta_entry
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets.local.embedded_aws.athena_vocabulary import FUNCTIONS
from lakehouse_assets_tests.local.embedded_aws.steps import write_delta
from lakehouse_assets_tests.sql.test_queries import files, loaded  # noqa: F401 - fixtures
from lakehouse_assets_tests.trino.asking import ask_athena, ask_trino
from lakehouse_assets_tests.trino.kinds import KINDS
from lakehouse_assets_tests.trino.server import Server

pytestmark = pytest.mark.trino
AT_ONCE = 15
"""Expressions in one statement to Trino, which takes half a second for each statement and hardly more for each expression."""


def lines(name: str) -> tuple[str, ...]:
    return tuple(Path(__file__).with_name(name).read_text().splitlines())


def batches(expressions: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    left = iter(expressions)
    while batch := tuple(islice(left, AT_ONCE)):
        yield batch


@pytest.fixture(scope="module")
def lakehouse(loaded: Lakehouse) -> Lakehouse:  # noqa: F811
    """The loaded tables, and `kinds`."""
    location = f"s3://{loaded.settings.bucket}/kinds"
    write_delta(location, KINDS, storage_options=loaded.tables.storage_options)
    loaded.catalog.glue.create_table(DatabaseName=loaded.settings.database, TableInput=delta_entry("kinds", {}, location))
    return loaded


def over_kinds(*expressions: str) -> str:
    return f"SELECT {', '.join(expressions)} FROM kinds ORDER BY id"


@pytest.mark.parametrize("batch", batches(lines("expressions.txt")), ids=lambda batch: batch[0])
def test_an_expression_has_the_same_values(batch: tuple[str, ...], lakehouse: Lakehouse, trino: Server) -> None:
    by_trino = ask_trino(trino, lakehouse.settings.database, over_kinds(*batch))
    assert by_trino.refused is None, by_trino.refused
    for number, expression in enumerate(batch):
        one = Answer(tuple((row[number],) for row in by_trino.rows), by_trino.types[number : number + 1])
        assert alike(one, by_athena := ask_athena(lakehouse, over_kinds(expression))), (expression, one, by_athena)


@pytest.mark.parametrize("statement", lines("statements.txt"))
def test_a_statement_finds_the_same_rows(statement: str, lakehouse: Lakehouse, trino: Server) -> None:
    by_trino, by_athena = ask_trino(trino, lakehouse.settings.database, statement), ask_athena(lakehouse, statement)
    assert by_athena.refused is None, by_athena.refused
    assert alike(by_trino, by_athena), (by_trino, by_athena)


def test_what_may_be_answered_otherwise_is_refused(lakehouse: Lakehouse) -> None:
    answered = [
        line for line in lines("refused.txt") if ask_athena(lakehouse, line if " from " in line or " " in line[:7] else over_kinds(line)).refused is None
    ]
    assert answered == []


def test_each_function_that_the_embedded_athena_answers_was_compared() -> None:
    compared = " ".join([*lines("expressions.txt"), *lines("statements.txt")]).lower()
    assert [name for name in sorted(FUNCTIONS) if not re.search(rf"\b{name}\s*\(", compared)] == []
