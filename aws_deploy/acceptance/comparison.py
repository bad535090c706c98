"""The content of a lakehouse after a batch, for comparison with another lakehouse: the rows of its tables, and Athena's
answers.

Ids of batches and times of uploads are left out: they differ between two lakehouses that loaded the same files.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aws_deploy.acceptance.answers import A_CENT, Answer, alike, ask_athena, in_any_order
from aws_deploy.acceptance.statements import product_statements
from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.glue import rejected_table
from lakehouse_assets.etl.engines.embedded.delta import existing_table
from lakehouse_assets.etl.rejected import ask, bounded

OF_A_RECORD = ("source_file", "row_number", "reasons", "raw", "waiting")
TIME_OF_A_FILE = "file_time"
"""The column of the saved queries that holds the time of an upload."""


@dataclass(frozen=True)
class Found:
    """`tables`: the rows of each table, as texts. `answers`: Athena's answer to each statement. Rows are compared and
    counted, but never reported.
    """

    tables: Mapping[str, list[str]] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)


def rows_of(lakehouse: Lakehouse) -> dict[str, list[str]]:
    """The rows of each table and of the rejected records, read from their files with delta-rs."""
    found = {}
    with failures_named("Reading the tables"):
        for dataset, contract in lakehouse.contracts.items():
            found[dataset] = _rows(lakehouse, lakehouse.tables.table(dataset), (*contract.names, "source_file"))
            found[rejected_table(dataset)] = _rows(lakehouse, lakehouse.tables.rejects(dataset), OF_A_RECORD)
    return found


def answers_of(lakehouse: Lakehouse, batch_id: str) -> dict[str, Answer]:
    """Athena's answers to all statements of the product, by name. A statement that fails is a refused answer."""
    client, s = lakehouse.aws.client("athena"), lakehouse.settings
    found = {}
    for name, sql in product_statements(lakehouse.contracts, batch_id).items():
        with failures_named(f"Asking Athena: {name}"):
            answer = _masked_answer(ask_athena(client, s.database, s.workgroup, sql), batch_id)
        found[name] = answer if "ORDER BY" in sql and TIME_OF_A_FILE not in answer.columns else in_any_order(answer)
    return found


def different_rows(one: Mapping[str, Iterable[str]], other: Mapping[str, Iterable[str]]) -> list[str]:
    """For each table that differs, a text with the numbers of rows, without values of rows."""
    texts = []
    for table in one.keys() | other.keys():
        left, right = Counter(one.get(table, ())), Counter(other.get(table, ()))
        if left != right:
            texts.append(
                f"{table}: {(left - right).total()} rows are missing, {(right - left).total()} are too many, of"
                f" {left.total()}"
            )
    return sorted(texts)


def different_answers(one: Mapping[str, Answer], other: Mapping[str, Answer]) -> list[str]:
    """For each statement with a different answer, or a refused one, a text: Athena's message or the numbers of rows,
    without values of rows.
    """
    return [
        f"{name}: {_difference(one[name], other[name])}"
        for name in one
        if other[name].refused or not alike(one[name], other[name], A_CENT)
    ]


def _difference(expected: Answer, found: Answer) -> str:
    if found.refused:
        return found.refused
    if len(expected.rows) != len(found.rows):
        return f"{len(found.rows)} rows instead of {len(expected.rows)}"
    if expected.types != found.types:
        return f"the types are {', '.join(found.types)} instead of {', '.join(expected.types)}"
    return (
        f"{sum(a != b for a, b in zip(expected.rows, found.rows, strict=True))} of {len(found.rows)} rows have"
        " different values"
    )


def _rows(lakehouse: Lakehouse, uri: str, columns: tuple[str, ...]) -> list[str]:
    table = existing_table(uri, lakehouse.tables.storage_options)
    if table is None:
        return []
    listed = ", ".join(f'"{name}"' for name in columns)
    with bounded(lakehouse.settings.home / "scratch", lakehouse.settings.memory_mb) as connection:
        rows = (
            connection.register("found", ask(table, "SELECT * FROM t"))
            .execute(f"SELECT {listed} FROM found")
            .fetchall()
        )
    # A map has no order.
    return [json.dumps(row, default=str, ensure_ascii=False, sort_keys=True) for row in rows]


def _masked_answer(answer: Answer, batch_id: str) -> Answer:
    def masked(name: str, value: str | None) -> str | None:
        if value is None or name == TIME_OF_A_FILE:
            return None
        return "the batch" if value == batch_id else value

    return replace(answer, rows=tuple(tuple(map(masked, answer.columns, row)) for row in answer.rows))


def to_json(found: Found) -> dict[str, Any]:
    return {"tables": found.tables, "answers": {name: answer.__dict__ for name, answer in found.answers.items()}}


def from_json(data: Mapping[str, Any]) -> Found:
    answers = {
        name: Answer(
            tuple(tuple(row) for row in answer["rows"]),
            tuple(answer["types"]),
            tuple(answer["columns"]),
            answer["refused"],
        )
        for name, answer in data["answers"].items()
    }
    return Found(data["tables"], answers)
