"""Answers a query from the live files of each Delta table's current version, or fails with the reason."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ministack.services import glue, s3  # type: ignore[import-untyped]

from lakehouse_assets.aws.delta_entry import delta_path, has_serde
from lakehouse_assets.embedded_aws.athena.delta_tables import NotReadableError, Snapshot, read_snapshot
from lakehouse_assets.embedded_aws.athena.process import Request, run
from lakehouse_assets.embedded_aws.athena.results import QueryError, Result
from lakehouse_assets.embedded_aws.athena.sql import TableName, translate
from lakehouse_assets.embedded_aws.athena.views import DeltaFiles


def run_on_delta_tables(
    sql: str,
    parameters: list[str],
    database: str,
    on_start: Callable[[Callable[[], None]], None],
    why_stop: Callable[[], str | None],
) -> Result | None:
    """Answers a query over Delta tables. None if the query names tables and none of them is a Delta table.

    `parameters`: the values of its `?`, as SQL literals. `on_start` is called with a function that ends the query.
    `why_stop` is called regularly, and returns a reason to end the query, or None. Raises QueryError.

    Must run in a thread of its own: it reads the tables' logs from this very server.
    """
    query = translate(sql, parameters, database)
    definitions = {name: _definition(name) for name in sorted(query.tables)}
    delta = [name for name, definition in definitions.items() if _is_delta(definition)]
    if definitions and not delta:
        return None
    if len(delta) < len(definitions):
        others = ", ".join(name.table for name in definitions if name not in delta)
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena cannot join Delta tables with other tables ({others})")
    tables = {name: _files(_snapshot(name, definitions[name])) for name in delta}
    result = run(Request(query, tables, database), on_start, why_stop)
    return replace(
        result, bytes_scanned=sum(file.size for table in tables.values() for file in table.snapshot.live_files)
    )


def _files(snapshot: Snapshot) -> DeltaFiles:
    return DeltaFiles(snapshot, tuple(s3._object_disk_path(snapshot.bucket, file.key) for file in snapshot.live_files))


def _definition(name: TableName) -> dict[str, Any]:
    definition: dict[str, Any] | None = glue._tables.get(f"{name.database}/{name.table}")
    if definition is None:
        raise QueryError(f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{name.database}.{name.table}' does not exist")
    return definition


def _is_delta(definition: dict[str, Any]) -> bool:
    parameters = definition.get("Parameters") or {}
    return "delta" in (
        parameters.get("table_type", "").lower(),
        parameters.get("spark.sql.sources.provider", "").lower(),
    )


def _snapshot(name: TableName, definition: dict[str, Any]) -> Snapshot:
    """The table's current version. Like Trino it takes the location from the SerDe's `path`, not from `Location`."""
    if not has_serde(definition):
        raise QueryError(f"HIVE_INVALID_METADATA: StorageDescriptor SerDeInfo is null: {name.database}.{name.table}")
    path = delta_path(definition)
    if path is None:
        raise QueryError(f"DELTA_LAKE_INVALID_SCHEMA: No path property defined for table: {name.database}.{name.table}")
    try:
        return read_snapshot(path)
    except NotReadableError as error:
        raise QueryError(f"NOT_SUPPORTED: {name.database}.{name.table}: {error}") from error
