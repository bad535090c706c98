"""Gap: Athena of ministack reads every Parquet file under a table's location, overwritten and deleted rows included.

Here a query sees the live files of each Delta table's current version, or it fails: nothing is ever passed on unseen.
Queries that name no Delta table (CSV, JSON or plain Parquet tables of the Glue catalog) are answered by ministack as
before; DDL, which it would carry out, is refused. Parameters (`?`) have their values, a cancelled query stays
cancelled, and the result is written as Athena writes it, into the file that GetQueryExecution names.

Athena keeps its queries for 45 days. Here the latest are kept, with their results in memory, until the server stops.
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

from lakehouse_assets.embedded_aws.athena.results import Found, QueryError, csv, text
from lakehouse_assets.embedded_aws.patching import Response, replace, wrap

QUERIES_KEPT = 100
VALUES_KEPT = 5_000_000
REASON_CHARACTERS = 2000
SECONDS_OF_A_QUERY = 30 * 60.0
"""Athena's own time limit: https://docs.aws.amazon.com/athena/latest/ug/service-limits.html"""
SECONDS_OF_SILENCE = 60.0
"""Whoever looks at a query again and again looks no more: a program that was killed. Athena would go on; here the query
has the machine of all the others."""
UNFINISHED = frozenset({"QUEUED", "RUNNING"})

Execution = dict[str, Any]
_log = logging.getLogger("athena")
# How to end each query that runs.
_running: dict[str, Callable[[], None]] = {}
# When somebody last asked how a query goes.
_asked_for: dict[str, float] = {}


def fill() -> None:
    """Lets Athena read Delta tables."""
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
        _asked_for[query_id] = time.monotonic()
    return original(request)


def _stop_query_execution(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    response = original(request)
    spawn_background(_interrupt, request.get("QueryExecutionId", ""), thread_name="athena-stop")
    return response


def stop_all() -> None:
    """Cancels every query: the embedded AWS goes, and what runs in it goes with it."""
    for query_id in list(_running):
        athena._stop_query_execution({"QueryExecutionId": query_id})
        _interrupt(query_id)


def _interrupt(query_id: str) -> None:
    """Until it helps: a query that has no process yet gets one."""
    while interrupt := _running.get(query_id):
        interrupt()
        time.sleep(0.01)


def _result_file(execution: Execution) -> str:
    """ministack appends the name of the file to the location even if that does not end with a slash."""
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
        found = await _find(execution, database, ddl, catalog)
        if execution["Status"]["State"] == "CANCELLED":
            return
        _write_result_file(execution, await asyncio.to_thread(csv, found))
    except Exception as error:  # noqa: BLE001 - whatever it is, the state of the query tells it: there is no one else to catch it
        if not isinstance(error, QueryError):
            _log.exception("query %s", query_id)
        _end(execution, started, "FAILED", str(error))
    else:
        execution["_results"] = {"columns": found.columns, "rows": found.rows}
        execution["_column_types"] = found.types
        execution["Statistics"]["DataScannedInBytes"] = found.bytes_scanned
        _end(execution, started, "SUCCEEDED")


async def _find(execution: Execution, database: str, ddl: Any, catalog: str | None) -> Found:
    if ddl is not None:
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena answers SELECT only; crawlers and Glue's API make and remove the"
            " catalog's tables"
        )
    _running[execution["QueryExecutionId"]] = _nothing_to_interrupt
    found: Found | None = await run_reentrant(_find_in_delta_tables, execution, database, thread_name="athena-query")
    return found or _as_ministack_found_it(await athena._run_duckdb(execution["Query"], database, catalog))


def _find_in_delta_tables(execution: Execution, database: str) -> Found | None:
    # DuckDB, delta-rs and sqlglot take half a second to import: not before the first query.
    from lakehouse_assets.embedded_aws.athena.delta import find

    query_id = execution["QueryExecutionId"]

    def on_start(interrupt: Callable[[], None]) -> None:
        _running[query_id] = interrupt
        if execution["Status"]["State"] == "CANCELLED":
            raise QueryError("the query was cancelled before it started")

    def why_stop() -> str | None:
        return reason_to_stop(time.monotonic() - started, time.monotonic() - _asked_for.get(query_id, time.monotonic()))

    started = time.monotonic()
    try:
        return find(execution["Query"], execution["ExecutionParameters"], database, on_start, why_stop)
    finally:
        del _running[query_id]
        _asked_for.pop(query_id, None)


def reason_to_stop(running: float, unasked: float) -> str | None:
    """Why a query is ended that has run for so many seconds, and for which nobody who had asked asked again for so
    many."""
    if running > SECONDS_OF_A_QUERY:
        return f"Query timeout: it ran for more than {SECONDS_OF_A_QUERY / 60:.0f} minutes"
    if unasked > SECONDS_OF_SILENCE:
        return (
            f"Query was cancelled: nobody asked for it any more for {SECONDS_OF_SILENCE:.0f} seconds, so whoever"
            " started it is gone"
        )
    return None


def _nothing_to_interrupt() -> None:
    """What there is to do about a query that has not come to DuckDB yet: it finds itself cancelled when it does."""


def _as_ministack_found_it(results: dict[str, Any]) -> Found:
    rows = [[text(value) for value in row] for row in results["rows"]]
    return Found(results["columns"], results["column_types"], rows, bytes_scanned=0)


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
