"""A statement asked of Trino and of the embedded Athena, with both answers in the words of
`aws_deploy.acceptance.answers`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from aws_deploy.acceptance.answers import Answer
from aws_deploy.acceptance.answers import ask_athena as ask_in_workgroup
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.athena.results import text
from lakehouse_assets_tests.trino.server import CATALOG, HOST, Server


def ask_trino(server: Server, database: str, sql: str) -> Answer:
    """Trino's answer."""
    # Here, so that these tests are collected where its client is not installed: they fail with what to do, or are left
    # out.
    import trino
    from trino.exceptions import TrinoQueryError

    with trino.dbapi.connect(
        host=HOST, port=server.port, user="tests", catalog=CATALOG, schema=database, legacy_primitive_types=True
    ) as connection:
        cursor = connection.cursor()
        try:
            rows = cursor.execute(sql).fetchall()
        except TrinoQueryError as error:
            return Answer(refused=f"{error.error_name}: {error.message}")
        columns = cursor._query.columns
    signatures = [column["typeSignature"] for column in columns]
    return Answer(
        tuple(
            tuple(_as_athena_writes(value, signature) for value, signature in zip(row, signatures, strict=True))
            for row in rows
        ),
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
            return (
                "{"
                + ", ".join(f"{name}={_text(one, kind)}" for (name, kind), one in zip(named, value, strict=True))
                + "}"
            )
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
    return ask_in_workgroup(
        lakehouse.aws.client("athena"), lakehouse.settings.database, lakehouse.settings.workgroup, sql
    )


def over_kinds(*expressions: str) -> str:
    """A statement with the values of these expressions over the rows of `kinds`."""
    return f"SELECT {', '.join(expressions)} FROM kinds ORDER BY id"


def answers(ask: Callable[[str], Answer], expressions: Sequence[str]) -> list[Answer]:
    """That of each expression, asked for in one statement; in its halves where that is refused."""
    if not expressions:
        return []
    together = ask(over_kinds(*expressions))
    if together.refused is None:
        return [
            Answer(tuple((row[number],) for row in together.rows), (type_,))
            for number, type_ in enumerate(together.types)
        ]
    if len(expressions) == 1:
        return [together]
    half = len(expressions) // 2
    return answers(ask, expressions[:half]) + answers(ask, expressions[half:])
