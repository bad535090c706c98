"""Queries through Athena, and their results with Python's types. A query never reuses an older result: the checks after a load must see the load."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lakehouse_assets.errors import LakehouseError, TemporaryOutage

POLL_SECONDS = 0.02
SLOWEST_POLL_SECONDS = 1.0
CONVERTERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
    "decimal": Decimal,
    "boolean": lambda text: text == "true",
}


@dataclass(frozen=True)
class Result:
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Athena:
    """One workgroup and database. `timeout` in seconds: past it the query is stopped, so that it does not go on scanning."""

    client: Any
    database: str
    workgroup: str
    output: str
    timeout: float = 600

    def query(self, sql: str, called: str = "") -> Result:
        """Runs one statement and reads its whole result; numbers (decimals exact) and booleans come with their types, all else as text, NULL as None.

        `called`: what a failure calls it; without, the statement is given whole.
        Raises LakehouseError with Athena's reason when the statement fails, TemporaryOutage when it takes longer than the time-out.
        """
        query_id = self.client.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            WorkGroup=self.workgroup,
            ResultConfiguration={"OutputLocation": self.output},
        )["QueryExecutionId"]
        self._wait(query_id, called or sql)
        return self._read(query_id)

    def _wait(self, query_id: str, called: str) -> None:
        deadline, pause = time.monotonic() + self.timeout, POLL_SECONDS
        while True:
            status = self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] in ("FAILED", "CANCELLED"):
                raise BadQuery(f"Athena: {status.get('StateChangeReason', status['State'])}\nThe query was: {called.strip()}")
            if time.monotonic() > deadline:
                self.client.stop_query_execution(QueryExecutionId=query_id)
                raise TemporaryOutage(f"Athena did not finish query {query_id} within {self.timeout:.0f} s; it was stopped. Run it again.")
            time.sleep(pause)
            pause = min(pause * 1.5, SLOWEST_POLL_SECONDS)

    def _read(self, query_id: str) -> Result:
        rows: list[tuple[Any, ...]] = []
        columns: tuple[str, ...] = ()
        converters: list[Callable[[str], Any]] = []
        for page in self.client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
            described = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            found = page["ResultSet"]["Rows"]
            if not columns:
                columns = tuple(column["Name"] for column in described)
                converters = [CONVERTERS.get(column["Type"].lower(), str) for column in described]
                found = found[1:]
            rows += [tuple(_value(cell, convert) for cell, convert in zip(row["Data"], converters, strict=True)) for row in found]
        return Result(columns, rows)


class BadQuery(LakehouseError):
    """The statement itself is wrong, or names what is not there."""


def _value(cell: dict[str, str], convert: Callable[[str], Any]) -> Any:
    return convert(cell["VarCharValue"]) if "VarCharValue" in cell else None
