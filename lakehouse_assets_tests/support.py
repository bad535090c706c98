"""What tests of whole batches do again and again: make files, put them, run the steps, read back tables, rejects and
what lies in the bucket.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter  # type: ignore[import-untyped]
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.checks import CheckResult
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.report_types import FileReport, LoadReport, Report
from lakehouse_assets.landing.preconditions import note_checks

PRODUCTS = ("product_id", "department_id", "department", "product_name")
ORDERS = ("order_num", "order_id", "user_id", "order_timestamp", "total_amount", "date")
ITEMS = (
    "id",
    "order_id",
    "user_id",
    "days_since_prior_order",
    "product_id",
    "add_to_cart_order",
    "reordered",
    "order_timestamp",
    "date",
)

Row = Sequence[Any]


def product(number: Any, name: str = "Atlas", department: Any = 2) -> tuple[Any, ...]:
    return number, department, "Books", name


def order(number: Any, amount: Any = 10.5, day: str = "2025-04-01", hour: int = 11) -> tuple[Any, ...]:
    return 1, number, 7, f"{day}T{hour:02}:27:00", amount, day


def item(number: Any, order_id: Any, product_id: Any, day: str = "2025-04-01", hour: int = 11) -> tuple[Any, ...]:
    return number, order_id, 7, None, product_id, 1, 0, f"{day}T{hour:02}:27:00", day


def csv_text(header: Sequence[str], rows: Iterable[Row], delimiter: str = ",", newline: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerows([header, *rows])
    return out.getvalue()


def products_csv(*rows: Row) -> str:
    return csv_text(PRODUCTS, rows)


def orders_csv(*rows: Row) -> str:
    return csv_text(ORDERS, rows)


def items_csv(*rows: Row) -> str:
    return csv_text(ITEMS, rows)


def workbook(path: Path, sheets: Mapping[str, Sequence[Row]]) -> Path:
    """An .xlsx with the sheets' rows, the first of each its header."""
    with xlsxwriter.Workbook(str(path)) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


def put(lakehouse: Lakehouse, key: str, content: str | bytes | Path) -> str:
    """Puts an object; its version id ("null" in a bucket without versions)."""
    body = (
        content.read_bytes() if isinstance(content, Path) else content.encode() if isinstance(content, str) else content
    )
    written = lakehouse.zone.store.s3.put_object(Bucket=lakehouse.settings.bucket, Key=key, Body=body)
    return str(written.get("VersionId", "null"))


def next_second() -> None:
    """What is put from here on is newer for S3, whose times are whole seconds."""
    time.sleep(1 - time.time() % 1)


def put_one_of_each(lakehouse: Lakehouse) -> None:
    """A product, an order and an item of them."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1)))


def freeze(lakehouse: Lakehouse, gate: str = "any") -> Batch:
    """Converts and freezes; something must wait."""
    lakehouse.convert()
    batch = lakehouse.freeze(gate)
    assert batch is not None
    return batch


def load_all(batch: Batch) -> None:
    for dataset in batch.connections.contracts:
        batch.load(dataset)


def run(lakehouse: Lakehouse, gate: str = "any") -> LoadReport | None:
    """One batch through all its steps, with Athena's checks noted as passed. The report; None if nothing waits. A
    failure is raised, and recorded as Dagster's steps do."""
    lakehouse.convert()
    batch = lakehouse.freeze(gate)
    if batch is None:
        return None
    try:
        load_all(batch)
        batch.archive()
        lakehouse.refresh_catalog()
    except LakehouseError as error:
        batch.record_failure(str(error))
        raise
    note_checks(lakehouse.zone, batch.id, [])
    return batch.finish()


def ran(lakehouse: Lakehouse, gate: str = "any") -> LoadReport:
    """As `run`, where something waits."""
    report = run(lakehouse, gate)
    assert report is not None
    return report


def checked(lakehouse: Lakehouse, batch_id: str) -> dict[str, list[CheckResult]]:
    """Athena's checks of each dataset."""
    return lakehouse.batch(batch_id).check_results()


def file_of(report: Report, name: str) -> FileReport:
    """What the report says of the one file of that name."""
    [file] = [file for file in report["files"] if file["name"] == name]
    return file


def outcomes(report: Report) -> dict[str, str]:
    return {file["name"]: file["outcome"] for file in report["files"]}


def nonzero(counts: Mapping[str, Any]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}


@lru_cache
def _database() -> duckdb.DuckDBPyConnection:
    """One for all that the tests read: to open one takes 17 ms of CPU."""
    return duckdb.connect()


def read_delta(
    table: DeltaTable, columns: Iterable[str] = (), order: str = "ALL"
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names and rows, in order, of these columns of a Delta table, or of all."""
    listed = ", ".join(f'"{name}"' for name in columns) or "*"
    with _database().cursor() as cursor:
        cursor.execute("SET TimeZone='UTC'")
        cursor.register("found", QueryBuilder().register("t", table).execute("SELECT * FROM t"))
        cursor.execute(f"SELECT {listed} FROM found ORDER BY {order}")
        return [column[0] for column in cursor.description], cursor.fetchall()


def select(lakehouse: Lakehouse, uri: str, columns: Iterable[str]) -> list[tuple[Any, ...]]:
    """The rows of a Delta table, in order."""
    return read_delta(DeltaTable(uri, storage_options=lakehouse.tables.storage_options), columns)[1]


def table_rows(lakehouse: Lakehouse, dataset: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a dataset's table: the named columns, else all that its contract names."""
    return select(lakehouse, lakehouse.tables.table(dataset), columns or lakehouse.contracts[dataset].names)


def rejects(lakehouse: Lakehouse, dataset: str) -> list[dict[str, Any]]:
    """The rejected records of a dataset."""
    names = ("source_file", "row_number", "reasons", "raw", "batch_id", "healed_by", "waiting", "record_id")
    return [dict(zip(names, row, strict=True)) for row in select(lakehouse, lakehouse.tables.rejects(dataset), names)]


def delta_versions(lakehouse: Lakehouse) -> dict[str, int]:
    """The version of every table that is there, of data and of rejected records."""
    options = lakehouse.tables.storage_options
    uris = [
        uri
        for dataset in lakehouse.contracts
        for uri in (lakehouse.tables.table(dataset), lakehouse.tables.rejects(dataset))
    ]
    return {
        uri: DeltaTable(uri, storage_options=options).version()
        for uri in uris
        if DeltaTable.is_deltatable(uri, options)
    }


def append_behind_its_back(lakehouse: Lakehouse, dataset: str, **changed: Any) -> None:
    """A copy of the table's rows with some values changed, by a writer that knows no rules."""
    uri, options = lakehouse.tables.table(dataset), lakehouse.tables.storage_options
    table = DeltaTable(uri, storage_options=options)
    columns = ", ".join(
        f"{changed[field.name]} AS {field.name}" if field.name in changed else field.name
        for field in table.schema().fields
    )
    rows = QueryBuilder().register("t", table).execute(f"SELECT {columns} FROM t")
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        write_deltalake(uri, connection.sql("SELECT * FROM rows"), mode="append", storage_options=options)


def keys(lakehouse: Lakehouse, prefix: str) -> list[str]:
    return list(lakehouse.zone.store.keys(prefix))


def body(lakehouse: Lakehouse, key: str) -> bytes:
    return bytes(lakehouse.zone.store.s3.get_object(Bucket=lakehouse.settings.bucket, Key=key)["Body"].read())


def archived(lakehouse: Lakehouse, prefix: str = "archived/") -> dict[str, bytes]:
    """What was archived (or, with the prefix rejected/files/, set aside), by the key that it had."""
    return {key.removeprefix(prefix).split("/", 2)[2]: body(lakehouse, key) for key in keys(lakehouse, prefix)}


def forget_local_copies(lakehouse: Lakehouse) -> None:
    """As if the next step ran on another machine."""
    shutil.rmtree(lakehouse.zone.scratch / "files", ignore_errors=True)


def environment_of(lakehouse: Lakehouse) -> dict[str, str]:
    """The variables by which another process finds this lakehouse."""
    told = lakehouse.settings.model_dump(
        include={
            "home",
            "bucket",
            "database",
            "workgroup",
            "queue",
            "topic",
            "contracts",
            "reject_limit",
            "gate",
            "memory_mb",
        }
    )
    return {f"LAKEHOUSE_{name.upper()}": str(value) for name, value in told.items()}


def in_own_process(lakehouse: Lakehouse, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process that has this lakehouse in its environment; `lakehouse` is connected when the code
    begins.
    """
    prepared = f"""
import sys
from lakehouse_assets.connect import connected
from lakehouse_assets.settings import read_settings
from lakehouse_assets_tests.support import *
with connected(read_settings()) as lakehouse:
{textwrap.indent(textwrap.dedent(code), "    ")}
"""
    environment = os.environ | environment_of(lakehouse) | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-c", prepared, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


class ClientWith:
    """An S3 client of which some operations are replaced."""

    def __init__(self, client: Any, **replaced: Callable[..., Any]) -> None:
        self._client, self._replaced = client, replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._client, name)
