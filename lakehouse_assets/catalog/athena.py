"""Queries through Athena, with results as Python's types. Athena's reuse of older results is off: the checks after a
load must see the load.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lakehouse_assets.aws.client import pauses
from lakehouse_assets.errors import LakehouseError, TemporaryOutage

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
CONVERTERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
    "decimal": Decimal,
    "boolean": lambda text: text == "true",
}


@dataclass(frozen=True)
class Result:
    """`columns`: names. `rows`: one value for each column."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Athena:
    """One workgroup and database. `client`: boto3's client of Athena. `output`: the location of results (s3://…).
    `timeout`: seconds after which a query is stopped, so that it does not go on scanning.
    """

    client: Any
    database: str
    workgroup: str
    output: str
    timeout: float = 600

    def query(self, sql: str, called: str = "") -> Result:
        """Runs one statement and reads its whole result. Numbers (decimals exactly) and booleans have their types, NULL
        is None, everything else is text.

        `called`: a name for the statement in error messages; without it they have the whole statement. Raises BadQuery
        with Athena's reason if the statement fails, TemporaryOutage if it takes longer than the time-out.
        """
        called = called or sql
        query_id = self._start(sql, called)
        return self._read(query_id, self._wait(query_id, called))

    def _start(self, sql: str, called: str) -> str:
        try:
            started = self.client.start_query_execution(
                QueryString=sql,
                QueryExecutionContext={"Database": self.database},
                WorkGroup=self.workgroup,
                ResultConfiguration={"OutputLocation": self.output},
            )
        except self.client.exceptions.InvalidRequestException as error:
            raise _bad_query(error.response["Error"]["Message"], called) from error
        return str(started["QueryExecutionId"])

    def _wait(self, query_id: str, called: str) -> str:
        """Waits for the query's end. Returns its kind: DML (which includes SELECT), DDL, or UTILITY (SHOW,
        DESCRIBE).
        """
        deadline = time.monotonic() + self.timeout
        for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
            execution = self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            status = execution["Status"]
            if status["State"] == "SUCCEEDED":
                return str(execution["StatementType"])
            if status["State"] in ("FAILED", "CANCELLED"):
                raise _bad_query(status.get("StateChangeReason", status["State"]), called)
            if time.monotonic() > deadline:
                self.client.stop_query_execution(QueryExecutionId=query_id)
                raise TemporaryOutage(
                    f"Athena did not finish query {query_id} within {self.timeout:.0f} s; it was stopped. Run it again."
                )
            time.sleep(pause)
        raise AssertionError("pauses do not end")

    def _read(self, query_id: str, kind: str) -> Result:
        rows: list[tuple[Any, ...]] = []
        columns: tuple[str, ...] = ()
        converters: list[Callable[[str], Any]] = []
        for page in self.client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
            described = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            found = [_cells(row["Data"], len(described)) for row in page["ResultSet"]["Rows"]]
            if not columns:
                columns = tuple(column["Name"] for column in described)
                converters = [CONVERTERS.get(column["Type"].lower(), str) for column in described]
                # The first page of a SELECT begins with a header; that of SHOW or DESCRIBE does not.
                if kind == "DML" and found[:1] == [list(columns)]:
                    del found[0]
            rows += [
                tuple(_value(cell, convert) for cell, convert in zip(row, converters, strict=True)) for row in found
            ]
        return Result(columns, rows)


class BadQuery(LakehouseError):
    """The statement is wrong, or names something that does not exist."""


def _bad_query(reason: str, called: str) -> BadQuery:
    return BadQuery(f"Athena: {reason}\nThe query was: {called.strip()}")


def _cells(row: list[dict[str, str]], columns: int) -> list[str | None]:
    """One text for each column. DESCRIBE returns its three columns in one cell, separated by tabs
    (github.com/uber/athenadriver, UndocumentedAthena).
    """
    cells = [cell.get("VarCharValue") for cell in row]
    if len(cells) == 1 < columns and cells[0] is not None:
        cells = [part.strip() for part in cells[0].split("\t", columns - 1)]
    return cells + [None] * (columns - len(cells))


def _value(cell: str | None, convert: Callable[[str], Any]) -> Any:
    return None if cell is None else convert(cell)
