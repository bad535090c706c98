"""Gap: ministack's Athena reads every Parquet file under a table's location, including overwritten and deleted rows.

Here a query reads the live files of each Delta table's current version, or it fails. Queries that name no Delta table
(CSV, JSON or plain Parquet tables of the Glue catalog) are still answered by ministack, and DDL, which ministack would
carry out, is refused. Parameters (`?`) get their values, a cancelled query stays cancelled, and the result is written
in Athena's format to the file that GetQueryExecution names.

Athena keeps queries for 45 days. Here the latest are kept, with their results in memory, until the server stops.
"""

import asyncio
import copy
import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

from ministack.core.concurrency import run_reentrant, spawn_background  # type: ignore[import-untyped]
from ministack.services import athena, s3  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.athena.results import QueryError, Result, csv, text
from lakehouse_assets.embedded_aws.patching import Response, replace, wrap

QUERIES_KEPT = 100
VALUES_KEPT = 5_000_000
REASON_CHARACTERS = 2000
SECONDS_OF_A_QUERY = 30 * 60.0
"""Athena's own time limit: https://docs.aws.amazon.com/athena/latest/ug/service-limits.html"""
SECONDS_OF_SILENCE = 60.0
"""A client that polled a query has stopped polling for so long: it was killed. Athena would continue the query. Here it
would take this machine from all others.
"""
UNFINISHED = frozenset({"QUEUED", "RUNNING"})

Execution = dict[str, Any]
_log = logging.getLogger("athena")
# For each query that runs: a function that ends it.
_running: dict[str, Callable[[], None]] = {}
# When a client last asked for the state of a query.
_last_asked: dict[str, float] = {}


def fill() -> None:
    """Makes Athena read Delta tables."""
    wrap(athena, "_start_query_execution", _start_query_execution)
    wrap(athena, "_get_query_execution", _get_query_execution)
    wrap(athena, "_stop_query_execution", _stop_query_execution)
    replace(athena, "_execute_query", _execute_query)
    replace(athena, "get_state", _get_state)


def _start_query_execution(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    response = original(request)
    if response[0] == 200:
        execution = athena._executions[json.loads(response[2])["QueryExecutionId"]]
        execution["ExecutionParameters"] = request.get("ExecutionParameters") or []
        execution["ResultConfiguration"]["OutputLocation"] = _result_file(execution)
        _forget_old_queries()
    return response


def _get_query_execution(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    if (query_id := request.get("QueryExecutionId", "")) in _running:
        _last_asked[query_id] = time.monotonic()
    return original(request)


def _stop_query_execution(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    response = original(request)
    spawn_background(_interrupt, request.get("QueryExecutionId", ""), thread_name="athena-stop")
    return response


def stop_all() -> None:
    """Cancels every query. Called when the embedded AWS stops."""
    for query_id in list(_running):
        athena._stop_query_execution({"QueryExecutionId": query_id})
        _interrupt(query_id)


def _interrupt(query_id: str) -> None:
    """Ends a query. Repeats until it has ended, because its process may not have started yet."""
    while interrupt := _running.get(query_id):
        interrupt()
        time.sleep(0.01)


def _result_file(execution: Execution) -> str:
    """The result file of a query. (ministack appends the file name even to a location without a final slash.)"""
    location, name = execution["ResultConfiguration"]["OutputLocation"], f"{execution['QueryExecutionId']}.csv"
    return f"{location.removesuffix(name).rstrip('/')}/{name}"


async def _execute_query(query_id: str, _sql: str, database: str, ddl: Any, catalog: str | None = None) -> None:
    """Takes a query from QUEUED to its end."""
    execution: Execution | None = athena._executions.get(query_id)
    if execution is None or execution["Status"]["State"] != "QUEUED":
        return
    execution["Status"]["State"] = "RUNNING"
    started = time.monotonic()
    try:
        result = await _answer(execution, database, ddl, catalog)
        if execution["Status"]["State"] == "CANCELLED":
            return
        _write_result_file(execution, await asyncio.to_thread(csv, result))
    except Exception as error:  # noqa: BLE001 - every error is reported by the query's state
        if not isinstance(error, QueryError):
            _log.exception("query %s", query_id)
        _end(execution, started, "FAILED", str(error))
    else:
        execution["_results"] = {"columns": result.columns, "rows": result.rows}
        execution["_column_types"] = result.types
        execution["Statistics"]["DataScannedInBytes"] = result.bytes_scanned
        _end(execution, started, "SUCCEEDED")


async def _answer(execution: Execution, database: str, ddl: Any, catalog: str | None) -> Result:
    if ddl is not None:
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena answers only SELECT; use a crawler or Glue's API to create and"
            " remove tables of the catalog"
        )
    _running[execution["QueryExecutionId"]] = _nothing_to_interrupt
    result: Result | None = await run_reentrant(_query_delta_tables, execution, database, thread_name="athena-query")
    return result or _of_ministack(await athena._run_duckdb(execution["Query"], database, catalog))


def _query_delta_tables(execution: Execution, database: str) -> Result | None:
    # Imported at the first query, because DuckDB, delta-rs and sqlglot take half a second to import.
    from lakehouse_assets.embedded_aws.athena.delta import run_on_delta_tables

    query_id = execution["QueryExecutionId"]

    def on_start(interrupt: Callable[[], None]) -> None:
        _running[query_id] = interrupt
        if execution["Status"]["State"] == "CANCELLED":
            raise QueryError("the query was cancelled before it started")

    def why_stop() -> str | None:
        return reason_to_stop(
            time.monotonic() - started, time.monotonic() - _last_asked.get(query_id, time.monotonic())
        )

    started = time.monotonic()
    try:
        return run_on_delta_tables(execution["Query"], execution["ExecutionParameters"], database, on_start, why_stop)
    finally:
        del _running[query_id]
        _last_asked.pop(query_id, None)


def reason_to_stop(running: float, unasked: float) -> str | None:
    """Why a query has to end, or None. `running`: seconds since its start. `unasked`: seconds since a client last asked
    for its state.
    """
    if running > SECONDS_OF_A_QUERY:
        return f"Query timeout: it ran for more than {SECONDS_OF_A_QUERY / 60:.0f} minutes"
    if unasked > SECONDS_OF_SILENCE:
        return (
            f"Query was cancelled: no client asked for its state for {SECONDS_OF_SILENCE:.0f} seconds, so the program"
            " that started it must be gone"
        )
    return None


def _nothing_to_interrupt() -> None:
    """Ends a query that has no process yet: nothing to do, because it checks its state when it starts one."""


def _of_ministack(results: dict[str, Any]) -> Result:
    rows = [[text(value) for value in row] for row in results["rows"]]
    return Result(results["columns"], results["column_types"], rows, bytes_scanned=0)


def _end(execution: Execution, started: float, state: str, reason: str = "") -> None:
    if execution["Status"]["State"] == "CANCELLED":
        return
    milliseconds = round((time.monotonic() - started) * 1000)
    execution["Statistics"].update(EngineExecutionTimeInMillis=milliseconds, TotalExecutionTimeInMillis=milliseconds)
    execution["Status"].update(
        State=state, StateChangeReason=reason[:REASON_CHARACTERS], CompletionDateTime=time.time()
    )


def _write_result_file(execution: Execution, content: bytes) -> None:
    location = urlparse(execution["ResultConfiguration"]["OutputLocation"])
    status, _, body = s3._put_object(location.netloc, location.path.lstrip("/"), content, {"content-type": "text/csv"})
    if status != 200:
        raise QueryError(f"the result could not be written to {location.geturl()}: {body.decode()}")


def _forget_old_queries() -> None:
    finished = [
        (query_id, query)
        for query_id, query in athena._executions.items()
        if query["Status"]["State"] not in UNFINISHED
    ]
    values = 0
    for age, (query_id, query) in enumerate(reversed(finished)):
        results = query["_results"] or {"columns": [], "rows": []}
        values += len(results["columns"]) * len(results["rows"])
        if age >= QUERIES_KEPT or values > VALUES_KEPT:
            athena._executions.pop(query_id, None)


def _get_state() -> dict[str, Any]:
    return copy.deepcopy(
        {
            "_workgroups": athena._workgroups,
            "_named_queries": athena._named_queries,
            "_data_catalogs": athena._data_catalogs,
            "_prepared_statements": athena._prepared_statements,
            "_tags": athena._tags,
        }
    )
