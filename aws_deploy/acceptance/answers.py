"""Results of queries, with values as the texts that Athena returns and with the names of types; and the comparison of
two results.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, replace
from typing import Any

from lakehouse_assets.aws.client import pauses
from lakehouse_assets.errors import TemporaryOutage

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
MOST_SECONDS = 600.0


@dataclass(frozen=True)
class Answer:
    """The result of a query: rows as texts, the columns' types and names; or `refused`, the reason why there is
    none.
    """

    rows: tuple[tuple[str | None, ...], ...] = ()
    types: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    refused: str | None = None


def ask_athena(client: Any, database: str, workgroup: str, sql: str) -> Answer:
    """Runs a query and returns its result, or the reason why it failed. Raises TemporaryOutage if the query does not
    end within MOST_SECONDS, ClientError if AWS refuses the call.
    """
    query = {"QueryString": sql, "QueryExecutionContext": {"Database": database}, "WorkGroup": workgroup}
    query_id = client.start_query_execution(**query)["QueryExecutionId"]
    status = _ended(client, query_id)
    if status["State"] != "SUCCEEDED":
        return Answer(refused=str(status.get("StateChangeReason", status["State"])))
    pages = list(client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id))
    rows = [
        tuple(value.get("VarCharValue") for value in row["Data"]) for page in pages for row in page["ResultSet"]["Rows"]
    ]
    columns = pages[0]["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    return Answer(
        tuple(rows[1:]), tuple(column["Type"] for column in columns), tuple(column["Name"] for column in columns)
    )


def _ended(client: Any, query_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + MOST_SECONDS
    for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
        status = dict(client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"])
        if status["State"] not in ("QUEUED", "RUNNING"):
            return status
        if time.monotonic() > deadline:
            raise TemporaryOutage(f"Athena did not finish query {query_id} within {MOST_SECONDS:.0f} s. Run it again.")
        time.sleep(pause)
    raise AssertionError("pauses do not end")


A_CENT = 0.0101
"""Sums of doubles depend on the order of the values, so half a cent may be rounded up or down."""


def alike(one: Answer, other: Answer, within: float = 0.0) -> bool:
    """Whether both have the same rows in the same order with the same types, or both are refused. Doubles may differ in
    their last digits, as sums do, or by up to `within`.
    """
    if one.refused or other.refused:
        return bool(one.refused) and bool(other.refused)
    kinds = [ATHENAS_NAMES.get(kind, kind) for kind in one.types]
    if len(one.rows) != len(other.rows) or kinds != list(other.types):
        return False
    pairs = zip(one.rows, other.rows, strict=True)
    return all(
        _same(kind, ours, its, within)
        for left, right in pairs
        for kind, ours, its in zip(kinds, left, right, strict=True)
    )


def in_any_order(answer: Answer) -> Answer:
    """The answer with its rows sorted, for statements without an order."""
    return replace(answer, rows=tuple(sorted(answer.rows, key=repr)))


ATHENAS_NAMES = {"real": "float"}
"""Names in Athena's results of types that have other names in Trino."""


def _same(kind: str, left: str | None, right: str | None, within: float) -> bool:
    if left is None or right is None or left == right:
        return left == right
    match kind:
        case "double" | "float":
            return math.isclose(float(left), float(right), rel_tol=1e-12 if kind == "double" else 1e-6, abs_tol=within)
        case "map":
            return _entries(left) == _entries(right)
        case "timestamp" | "timestamp with time zone":
            return _milliseconds(left) == _milliseconds(right)
        case "array" if left.startswith("[{"):
            return _entries(left) == _entries(right)
    return False


def _entries(text: str) -> list[str]:
    """The entries, sorted: a map has no order."""
    return sorted(re.split(r"[\[\]{}]|, ", text))


def _milliseconds(text: str) -> str:
    """The timestamp with three digits of a second: Athena's results have three, whatever the precision."""
    found = re.fullmatch(r"(.{19})(?:\.(\d+))?(.*)", text)
    return text if found is None else f"{found[1]}.{(found[2] or '').ljust(3, '0')[:3]}{found[3]}"
