"""A statement asked of Trino and of the embedded Athena, and both answers in the same words: the texts that Athena gives, and the names of the types."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets.local.embedded_aws.athena_results import text
from lakehouse_assets_tests.local.embedded_aws.steps import wait_for
from lakehouse_assets_tests.trino.server import CATALOG, HOST, Server


@dataclass(frozen=True)
class Answer:
    """Rows as texts and the columns' types, or why there are none."""

    rows: tuple[tuple[str | None, ...], ...] = ()
    types: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    refused: str | None = None


def ask_trino(server: Server, database: str, sql: str) -> Answer:
    """Trino's answer."""
    # Here, so that these tests are collected where its client is not installed: they fail with what to do, or are left out.
    import trino
    from trino.exceptions import TrinoQueryError

    with trino.dbapi.connect(host=HOST, port=server.port, user="tests", catalog=CATALOG, schema=database, legacy_primitive_types=True) as connection:
        cursor = connection.cursor()
        try:
            rows = cursor.execute(sql).fetchall()
        except TrinoQueryError as error:
            return Answer(refused=f"{error.error_name}: {error.message}")
        columns = cursor._query.columns
    signatures = [column["typeSignature"] for column in columns]
    return Answer(
        tuple(tuple(_as_athena_writes(value, signature) for value, signature in zip(row, signatures, strict=True)) for row in rows),
        tuple(signature["rawType"] for signature in signatures),
        tuple(column["name"] for column in columns),
    )


def _as_athena_writes(value: Any, signature: dict[str, Any]) -> str | None:
    return None if value is None else _text(value, signature)


def _text(value: Any, signature: dict[str, Any]) -> str:
    if value is None:
        return "null"
    inner = [argument["value"] for argument in signature["arguments"]]
    match signature["rawType"]:
        case "array":
            return "[" + ", ".join(_text(one, inner[0]) for one in value) + "]"
        case "map":
            return "{" + ", ".join(f"{_text(key, inner[0])}={_text(one, inner[1])}" for key, one in value.items()) + "}"
        case "row":
            fields = [((field.get("fieldName") or {}).get("name"), field["typeSignature"]) for field in inner]
            named = [(name or f"field{number}", kind) for number, (name, kind) in enumerate(fields)]
            return "{" + ", ".join(f"{name}={_text(one, kind)}" for (name, kind), one in zip(named, value, strict=True)) + "}"
        case "varbinary":
            return base64.b64decode(value).hex(" ")
        case "double" | "real":
            return str(text(float(value), "float" if signature["rawType"] == "real" else ""))
        case "boolean":
            return str(text(value if isinstance(value, bool) else value == "true"))
        case _:
            return str(value)


def ask_athena(lakehouse: Lakehouse, sql: str) -> Answer:
    """The embedded Athena's answer."""
    client = lakehouse.aws.client("athena")
    query = {"QueryString": sql, "QueryExecutionContext": {"Database": lakehouse.settings.database}, "WorkGroup": lakehouse.settings.workgroup}
    query_id = client.start_query_execution(**query)["QueryExecutionId"]

    def ended() -> dict[str, Any] | None:
        status = dict(client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"])
        return None if status["State"] in ("QUEUED", "RUNNING") else status

    status = wait_for(ended)
    if status["State"] != "SUCCEEDED":
        return Answer(refused=status["StateChangeReason"])
    pages = list(client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id))
    rows = [tuple(value.get("VarCharValue") for value in row["Data"]) for page in pages for row in page["ResultSet"]["Rows"]]
    columns = pages[0]["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    return Answer(tuple(rows[1:]), tuple(column["Type"] for column in columns), tuple(column["Name"] for column in columns))


def over_kinds(*expressions: str) -> str:
    """A statement with the values of these expressions over the rows of `kinds`."""
    return f"SELECT {', '.join(expressions)} FROM kinds ORDER BY id"


def answers(ask: Callable[[str], Answer], expressions: Sequence[str]) -> list[Answer]:
    """That of each expression, asked for in one statement; in its halves where that is refused."""
    if not expressions:
        return []
    together = ask(over_kinds(*expressions))
    if together.refused is None:
        return [Answer(tuple((row[number],) for row in together.rows), (type_,)) for number, type_ in enumerate(together.types)]
    if len(expressions) == 1:
        return [together]
    half = len(expressions) // 2
    return answers(ask, expressions[:half]) + answers(ask, expressions[half:])


def alike(one: Answer, other: Answer, within: float = 0.0) -> bool:
    """Whether both give the same rows, in the same order, of the same types, or both refuse. A double may differ in its last digits, as sums do, or by
    as much as `within`."""
    if one.refused or other.refused:
        return bool(one.refused) and bool(other.refused)
    kinds = [ATHENAS_NAMES.get(kind, kind) for kind in one.types]
    if len(one.rows) != len(other.rows) or kinds != list(other.types):
        return False
    pairs = zip(one.rows, other.rows, strict=True)
    return all(_same(kind, ours, its, within) for left, right in pairs for kind, ours, its in zip(kinds, left, right, strict=True))


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
