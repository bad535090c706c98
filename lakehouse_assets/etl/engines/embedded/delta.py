"""Delta tables with delta-rs: create, look up, append, merge. Every write of a load has a transaction id, so that
repeating it has no effect.

A load commits exactly the version after the one that it read, or fails. By default, delta-rs would put an append after
any other commit, and two batches that append the same key would both be in the table.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from deltalake import CommitProperties, DeltaTable, Field, QueryBuilder, Schema, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError
from deltalake.schema import ArrayType, MapType, PrimitiveType

from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.etl.engines.embedded.failures import failure, is_of_delta_rs
from lakehouse_assets.etl.engines.table import (
    PROPERTIES,
    TRANSACTION_VERSION,
    another_writer,
    check_reader_version,
    new_columns,
)

DELTA_TYPES: dict[str, Any] = {
    "smallint": PrimitiveType("short"),
    "int": PrimitiveType("integer"),
    "bigint": PrimitiveType("long"),
    "float": PrimitiveType("float"),
    "double": PrimitiveType("double"),
    "string": PrimitiveType("string"),
    "date": PrimitiveType("date"),
    "timestamp": PrimitiveType("timestamp"),
    "boolean": PrimitiveType("boolean"),
    "array<string>": ArrayType(PrimitiveType("string"), contains_null=True),
    "map<string,string>": MapType(PrimitiveType("string"), PrimitiveType("string"), value_contains_null=True),
}


def delta_type(kind: str) -> Any:
    """delta-rs's type of a column; `kind` as in `Contract.table_columns`, such as decimal(10,2)."""
    return PrimitiveType(kind) if kind.startswith("decimal(") else DELTA_TYPES[kind]


NEXT_VERSION = CommitProperties(max_commit_retries=0)
"""The commit must be the version right after the one that was read. (After another process's CREATE, delta-rs 1.6.6
would otherwise create the table anew, with another id.)
"""


@contextmanager
def outage_named(uri: str) -> Iterator[None]:
    """A context for opening, reading and writing a table. It raises delta-rs's errors as ours: TemporaryOutage if S3
    does not answer.
    """
    try:
        yield
    except TableNotFoundError:
        raise
    except BaseException as error:
        if not is_of_delta_rs(error):
            raise
        raise failure(uri, error) from error


def open_table(uri: str, columns: Mapping[str, str], partition: str | None, options: dict[str, str]) -> DeltaTable:
    """Returns the table. It is created if it does not exist, and columns that it lacks are added. Raises
    BadConfiguration if it has columns that the contract does not have.
    """
    schema = _schema(columns)
    table = existing_table(uri, options)
    if table is None:
        partitions = [partition] if partition else None
        with outage_named(uri):
            return DeltaTable.create(
                uri,
                schema,
                mode="ignore",
                partition_by=partitions,
                configuration=PROPERTIES,
                storage_options=options,
                commit_properties=NEXT_VERSION,
                raise_if_key_not_exists=False,
            )
    if added := absent_columns(uri, table, columns):
        with_outage_named(
            table, lambda: table.alter.add_columns([field for field in schema.fields if field.name in added])
        )
    return table


def absent_columns(uri: str, table: DeltaTable, columns: Mapping[str, str]) -> list[str]:
    """Returns the columns that a table lacks. Raises BadConfiguration if it has columns that the contract does not
    have, or cannot be read.
    """
    present = {field.name: field.type for field in table.schema().fields}
    check_reader_version(uri, table.protocol().min_reader_version)
    return new_columns(uri, present, {field.name: field.type for field in _schema(columns).fields})


def _schema(columns: Mapping[str, str]) -> Schema:
    return Schema([Field(name, delta_type(kind), nullable=True) for name, kind in columns.items()])


def refuse_paths_of_spark(table: DeltaTable) -> None:
    """Raises BadConfiguration if a file of the table has a path that delta-rs cannot remove (see `PROPERTIES`).

    Spark wrote such a file before the table had that property.
    """
    if not all(path.isascii() for path in table.get_add_actions().column("path").to_pylist()):
        raise BadConfiguration(
            f"{table.table_uri} has files that Spark wrote into folders with non-ASCII names. The embedded engine"
            " cannot replace them; nothing was changed. Load this batch with --engine spark. Run `lakehouse check`: it"
            " finds keys that are in the table twice."
        )


def existing_table(uri: str, options: dict[str, str]) -> DeltaTable | None:
    try:
        with outage_named(uri):
            return DeltaTable(uri, storage_options=options)
    except TableNotFoundError:
        return None


def rows_by_partition(table: DeltaTable) -> dict[str, int]:
    """The number of rows by the text of the partition's value, by the table's log alone. Empty if the table has no
    partition column, or if a file has no statistics.
    """
    columns = table.metadata().partition_columns
    if not columns:
        return {}
    files = table.get_add_actions(flatten=True)
    counted: Counter[str] = Counter()
    for value, rows in zip(
        files.column(f"partition.{columns[0]}").to_pylist(), files.column("num_records").to_pylist(), strict=True
    ):
        if rows is None:
            return {}
        counted["NULL" if value is None else str(value)] += rows
    return dict(counted)


def look_up(table: DeltaTable, columns: Sequence[str], where: str) -> Any:
    """Returns the table's rows that satisfy a predicate, as an Arrow stream. Files are skipped by partition and
    statistics.
    """
    listed = ", ".join(f'"{name}"' for name in columns)
    with outage_named(table.table_uri):
        return QueryBuilder().register("t", table).execute(f"SELECT {listed} FROM t WHERE {where}")


def committed(table: DeltaTable, transaction: str) -> bool:
    return table.transaction_version(transaction) is not None


def append(table: DeltaTable, rows: Any, transaction: str) -> int:
    """Appends rows in one commit. Returns the number of rows that the commit reports."""
    with_outage_named(
        table, lambda: write_deltalake(table, rows, mode="append", commit_properties=_properties(transaction))
    )
    with outage_named(table.table_uri):
        return int(table.history(1)[0]["operationMetrics"]["num_added_rows"])


def delete(table: DeltaTable, where: str) -> None:
    """Deletes the rows that satisfy a predicate, in one commit."""
    with_outage_named(table, lambda: table.delete(where, commit_properties=NEXT_VERSION))


def merge(
    table: DeltaTable,
    rows: Any,
    predicate: str,
    transaction: str,
    *,
    update: Mapping[str, str],
    insert: bool,
    only: str | None = None,
) -> dict[str, Any]:
    """MERGEs rows (alias s) into the table (alias t) in one commit, and returns delta-rs's metrics. `only`: a condition
    on the matched rows that are updated.
    """
    merger = table.merge(
        rows, predicate, source_alias="s", target_alias="t", commit_properties=_properties(transaction)
    )
    merger = merger.when_matched_update(dict(update), only)
    if insert:
        merger = merger.when_not_matched_insert_all()
    return dict(with_outage_named(table, merger.execute))


def maintain(table: DeltaTable, retain_hours: int) -> tuple[int, int, int]:
    """Runs OPTIMIZE and VACUUM. Returns how many files were compacted, into how many, and how many old files were
    deleted.
    """
    refuse_paths_of_spark(table)
    compacted = _compact(table)
    deleted = with_outage_named(table, lambda: table.vacuum(retain_hours, dry_run=False))
    return int(compacted["numFilesRemoved"]), int(compacted["numFilesAdded"]), len(deleted)


def _compact(table: DeltaTable) -> dict[str, Any]:
    """Runs OPTIMIZE, and reverts it at once if it did not become the version right after the one that was read.

    delta-rs (1.6.6) puts it after another OPTIMIZE of the same files, so that each row is in the table twice: its check
    for conflicts ignores files that were removed without a data change, and `max_commit_retries` has no effect here.
    Until the revert, or if the process dies before it, rows are in the table twice: `lakehouse check` finds them.
    """
    before, mark = table.version(), uuid4().hex
    marked = CommitProperties(custom_metadata={"userMetadata": mark})
    metrics = dict(with_outage_named(table, lambda: table.optimize.compact(commit_properties=marked)))
    with outage_named(table.table_uri):
        [ours] = [
            commit["version"]
            for commit in table.history(table.version() - before)
            if commit.get("userMetadata") == mark
        ] or [before + 1]
    if ours == before + 1:
        return metrics
    if ours == table.version():
        with_outage_named(table, lambda: table.restore(ours - 1, commit_properties=NEXT_VERSION))
        raise another_writer(table.table_uri)
    raise LakehouseError(
        f"{table.table_uri}: other writers committed right before and after this OPTIMIZE, so it was not reverted."
        " Run `lakehouse check`: it finds keys that are in the table twice."
    )


def _properties(transaction: str) -> CommitProperties:
    """The transaction has the current time, in milliseconds. If the table has a retention duration, Spark takes a
    transaction without a time for expired, and would repeat the write.
    """
    made = Transaction(transaction, TRANSACTION_VERSION, time.time_ns() // 1_000_000)
    return CommitProperties(max_commit_retries=0, app_transactions=[made])


def with_outage_named(table: DeltaTable, write: Any) -> Any:
    with outage_named(table.table_uri):
        return write()
