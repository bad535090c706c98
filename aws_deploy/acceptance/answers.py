"""What a SQL engine answers, as the texts that Athena gives and the names of the types; and whether two answers are
alike.
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
    """Rows as texts and the columns' types, or why there are none."""

    rows: tuple[tuple[str | None, ...], ...] = ()
    types: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    refused: str | None = None


def ask_athena(client: Any, database: str, workgroup: str, sql: str) -> Answer:
    """What Athena answers, or its reason. Raises TemporaryOutage where the query does not end, ClientError where AWS
    refuses the call.
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
"""Half a cent may be rounded either way: sums of doubles depend on their order."""


def alike(one: Answer, other: Answer, within: float = 0.0) -> bool:
    """Whether both give the same rows, in the same order, of the same types, or both refuse. A double may differ in its
    last digits, as sums do, or by as much as `within`."""
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
    return replace(answer, rows=tuple(sorted(answer.rows, key=repr)))


ATHENAS_NAMES = {"real": "float"}
"""Of types that Athena's results call otherwise than Trino."""


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
    """A map has no order."""
    return sorted(re.split(r"[\[\]{}]|, ", text))


def _milliseconds(text: str) -> str:
    """Athena's results have three digits of a second, whatever the precision is."""
    found = re.fullmatch(r"(.{19})(?:\.(\d+))?(.*)", text)
    return text if found is None else f"{found[1]}.{(found[2] or '').ljust(3, '0')[:3]}{found[3]}"
