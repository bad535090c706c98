"""The embedded Athena against Trino: what both answer is the same; all else the embedded one refuses, with a reason.

`expressions.txt` holds one expression over the table `kinds` a line, `statements.txt` one whole statement. The embedded
Athena refuses those of `refused_expressions.txt` and `refused_statements.txt`: Trino refuses them too, or answers what
DuckDB would answer otherwise.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from aws_deploy.acceptance.answers import alike
from lakehouse_assets.aws.delta_entry import delta_entry
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.athena.vocabulary import FUNCTIONS
from lakehouse_assets_tests.embedded_aws.steps import write_delta
from lakehouse_assets_tests.sql.test_queries import files, loaded  # noqa: F401 - fixtures
from lakehouse_assets_tests.trino.asking import answers, ask_athena, ask_trino, over_kinds
from lakehouse_assets_tests.trino.generated import generated_expressions, generated_statements
from lakehouse_assets_tests.trino.kinds import KINDS
from lakehouse_assets_tests.trino.server import Server

pytestmark = pytest.mark.trino
AT_ONCE = 30
"""Expressions in one statement: both take half a second for each statement and hardly more for each expression."""
MADE_AT_ONCE = 12
"""One that is refused, as one in twenty is, has its neighbours asked again."""
SEED = 22
ANSWERED_SHARE = 0.8


def lines(name: str) -> list[str]:
    return Path(__file__).with_name(name).read_text().splitlines()


def batches(statements: list[str], size: int) -> list[list[str]]:
    left = iter(statements)
    return list(iter(lambda: list(islice(left, size)), []))


def first_of(batch: list[str]) -> str:
    return batch[0]


@pytest.fixture(scope="module")
def lakehouse(loaded: Lakehouse) -> Lakehouse:  # noqa: F811
    """The loaded tables, and `kinds`."""
    location = f"s3://{loaded.settings.bucket}/kinds"
    write_delta(location, KINDS, storage_options=loaded.tables.storage_options)
    loaded.catalog.glue.create_table(
        DatabaseName=loaded.settings.database, TableInput=delta_entry("kinds", {}, location)
    )
    return loaded


@pytest.mark.parametrize("batch", batches(lines("expressions.txt"), AT_ONCE), ids=first_of)
def test_an_expression_has_the_same_values(batch: list[str], lakehouse: Lakehouse, trino: Server) -> None:
    by_trino = answers(partial(ask_trino, trino, lakehouse.settings.database), batch)
    by_athena = answers(partial(ask_athena, lakehouse), batch)
    both = list(zip(batch, by_trino, by_athena, strict=True))
    assert [one for one in both if one[1].refused or one[2].refused or not alike(one[1], one[2])] == []


@pytest.mark.parametrize("statement", lines("statements.txt"))
def test_a_statement_finds_the_same_rows(statement: str, lakehouse: Lakehouse, trino: Server) -> None:
    by_trino, by_athena = ask_trino(trino, lakehouse.settings.database, statement), ask_athena(lakehouse, statement)
    assert by_athena.refused is None, by_athena.refused
    assert alike(by_trino, by_athena), (by_trino, by_athena)


def test_what_may_be_answered_otherwise_is_refused(lakehouse: Lakehouse) -> None:
    statements = [over_kinds(line) for line in lines("refused_expressions.txt")] + lines("refused_statements.txt")
    with ThreadPoolExecutor(4) as several:
        asked = zip(statements, several.map(partial(ask_athena, lakehouse), statements), strict=True)
    assert [statement for statement, answer in asked if answer.refused is None] == []


def test_generated_expressions_have_the_same_values_or_are_refused(lakehouse: Lakehouse, trino: Server) -> None:
    made = generated_expressions(SEED, 300)
    found = [
        answer for batch in batches(made, MADE_AT_ONCE) for answer in answers(partial(ask_athena, lakehouse), batch)
    ]
    answered = {expression: answer for expression, answer in zip(made, found, strict=True) if answer.refused is None}
    assert len(answered) > ANSWERED_SHARE * len(set(made))
    for batch in batches(list(answered), AT_ONCE):
        by_trino = answers(partial(ask_trino, trino, lakehouse.settings.database), batch)
        both = [(expression, one, answered[expression]) for expression, one in zip(batch, by_trino, strict=True)]
        assert [one for one in both if not alike(one[1], one[2])] == []


@pytest.mark.parametrize("batch", batches(generated_statements(SEED, 84), 21), ids=first_of)
def test_generated_statements_find_the_same_rows_or_are_refused(
    batch: list[str], lakehouse: Lakehouse, trino: Server
) -> None:
    by_athena = {statement: ask_athena(lakehouse, statement) for statement in batch}
    answered = {statement: answer for statement, answer in by_athena.items() if answer.refused is None}
    assert len(answered) > ANSWERED_SHARE * len(by_athena)
    both = [
        (statement, ask_trino(trino, lakehouse.settings.database, statement), answer)
        for statement, answer in answered.items()
    ]
    assert [one for one in both if not alike(one[1], one[2])] == []


def test_each_function_that_the_embedded_athena_answers_was_compared() -> None:
    compared = " ".join([*lines("expressions.txt"), *lines("statements.txt")]).lower()
    assert [name for name in sorted(FUNCTIONS) if not re.search(rf"\b{name}\s*\(", compared)] == []
