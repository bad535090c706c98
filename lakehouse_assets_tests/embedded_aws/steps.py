"""What the tests of the gaps do again and again: wait, write a Delta table, register it, ask Athena."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import duckdb
from deltalake import write_deltalake
from mypy_boto3_athena import AthenaClient
from mypy_boto3_athena.type_defs import QueryExecutionTypeDef

from lakehouse_assets.aws.delta_entry import delta_entry

SECONDS_TO_WAIT = 30.0
ENDLESS = "SELECT sum(a.x * b.x * c.x % 7) FROM " + " CROSS JOIN ".join(
    f"UNNEST(sequence(1, 10000)) AS {name}(x)" for name in "abc"
)
"""A query that runs until it is stopped."""

Seen = TypeVar("Seen")


def wait_for(look: Callable[[], Seen | None], seconds: float = SECONDS_TO_WAIT) -> Seen:
    """Looks until there is something to see."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = look()
        if seen is not None:
            return seen
        time.sleep(0.01)
    raise AssertionError(f"not seen within {seconds:.0f} seconds")


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number that still runs. One that ended and that nobody asked about (a zombie)
    does not.
    """
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        # It ended in between; or there is no /proc here, as on macOS.
        return not Path("/proc/self").exists()


def write_delta(location: str, select: str, **options: Any) -> None:
    """Writes the rows of a SELECT to a Delta table."""
    with duckdb.connect() as connection:
        write_deltalake(location, connection.sql(select), **options)


def register(database: str, table: str, location: str, **parameters: str) -> None:
    """A table of the Glue catalog, a Delta table unless parameters say otherwise."""
    entry = delta_entry(table, {}, location) | ({"Parameters": parameters} if parameters else {})
    boto3.client("glue").create_table(DatabaseName=database, TableInput=entry)  # type: ignore[arg-type]


@dataclass
class Athena:
    """Asks queries and waits for their end."""

    database: str
    output_location: str
    client: AthenaClient = field(default_factory=lambda: boto3.client("athena"))

    def start(self, sql: str, *parameters: str) -> str:
        options: dict[str, Any] = {"ExecutionParameters": list(parameters)} if parameters else {}
        started = self.client.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": self.output_location},
            **options,
        )
        return started["QueryExecutionId"]

    def ended(self, query_id: str) -> QueryExecutionTypeDef:
        def look() -> QueryExecutionTypeDef | None:
            execution = self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            return None if execution["Status"]["State"] in ("QUEUED", "RUNNING") else execution

        return wait_for(look)

    def rows(self, sql: str, *parameters: str) -> list[tuple[str | None, ...]]:
        """The rows that the query finds, as texts, without the header."""
        query_id = self.start(sql, *parameters)
        status = self.ended(query_id)["Status"]
        assert status["State"] == "SUCCEEDED", status
        pages = self.client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
        rows = [
            tuple(value.get("VarCharValue") for value in row["Data"])
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        return rows[1:]

    def reason_to_fail(self, sql: str, *parameters: str) -> str:
        """Why the query fails."""
        status = self.ended(self.start(sql, *parameters))["Status"]
        assert status["State"] == "FAILED", status
        return status["StateChangeReason"]

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """The names and types of the columns that the query finds."""
        query_id = self.start(sql)
        self.ended(query_id)
        found = self.client.get_query_results(QueryExecutionId=query_id)
        return [(column["Name"], column["Type"]) for column in found["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]


def write_log(bucket: str, prefix: str, *actions: dict[str, Any]) -> None:
    """The first commit of a Delta table, action by action: for tables that delta-rs does not write."""
    boto3.client("s3").put_object(
        Bucket=bucket,
        Key=f"{prefix}/_delta_log/00000000000000000000.json",
        Body="\n".join(map(json.dumps, actions)).encode(),
    )
