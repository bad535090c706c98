"""Results in Athena's format: the text of a value, the name of a type, the CSV file."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

TRINO_TYPES = {
    "hugeint": "bigint",
    "ubigint": "bigint",
    "uinteger": "bigint",
    "usmallint": "integer",
    "utinyint": "smallint",
    "uuid": "varchar",
    "interval": "varchar",
    "null": "unknown",
    "blob": "varbinary",
    "list": "array",
    "array": "array",
    "struct": "row",
    "enum": "varchar",
    "timestamp_s": "timestamp",
    "timestamp_ms": "timestamp",
    "timestamp_ns": "timestamp",
}
# Java writes doubles between these as plain decimal numbers, others with an exponent.
PLAIN_DOUBLES = (1e-3, 1e7)


class QueryError(Exception):
    """A query failed. The message is the reason that Athena reports with the state FAILED."""


@dataclass(frozen=True)
class Result:
    """The result of a query: column names, Trino's names of their types, rows of texts (None for NULL), and the size in
    bytes of all files of its tables.
    """

    columns: list[str]
    types: list[str]
    rows: list[list[str | None]]
    bytes_scanned: int


def trino_type(duckdb_type: str) -> str:
    """Athena's name of a DuckDB type."""
    return TRINO_TYPES.get(duckdb_type, duckdb_type)


def text(value: Any, duckdb_type: str = "") -> str | None:
    """A value as Athena writes it; None for NULL. `duckdb_type` matters only for `float`: in Python it is a double."""
    if value is None:
        return None
    return _text(_as_single_precision(value) if duckdb_type == "float" else value)


def csv(result: Result) -> bytes:
    """The result file: every value in double quotes, NULL as an empty field without quotes."""
    rows: list[Sequence[str | None]] = [result.columns, *result.rows]
    return "".join(map(_csv_line, rows)).encode()


def _text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return _double(value)
        case datetime():
            zone = " UTC" if value.tzinfo else ""
            return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}{zone}"
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case bytes():
            return value.hex(" ")
        case list() | tuple():
            return "[" + ", ".join(map(_text, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{_text(key)}={_text(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)


def _as_single_precision(value: float) -> float:
    """The double with the fewest digits that is the same in single precision: 1.1, not 1.100000023841858."""
    candidates = (float(f"{value:.{digits}g}") for digits in range(6, 9))
    return next(
        (candidate for candidate in candidates if struct.pack("f", candidate) == struct.pack("f", value)), value
    )


def _double(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    smallest, largest = PLAIN_DOUBLES
    if value == 0 or smallest <= abs(value) < largest:
        return f"{value!r}"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    first, rest = str(digits[0]), "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}E{exponent + len(digits) - 1}"


def _csv_line(row: Sequence[str | None]) -> str:
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row) + "\n"
