"""Compares the tables with the lakehouse's own records: a table must have exactly the rows that the batches report, and
each rejected record must be true.

Reads the Delta tables with delta-rs and DuckDB, in bounded memory, and the manifests and reports of control/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import duckdb

from lakehouse_assets.catalog.absent_keys import find_absent
from lakehouse_assets.catalog.checks import CheckResult
from lakehouse_assets.contracts import Contract, Contracts, Parent
from lakehouse_assets.etl.engines.base import LoadResult, Tables
from lakehouse_assets.etl.engines.embedded.delta import committed, existing_table
from lakehouse_assets.etl.engines.table import transaction_of
from lakehouse_assets.etl.plan import for_duckdb, judge_sql
from lakehouse_assets.etl.rejected import Rejected, ask, bounded
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.landing.model import Manifest
from lakehouse_assets.landing.routing import MALFORMED
from lakehouse_assets.landing.waiting import open_batch
from lakehouse_assets.landing.zone import LandingZone
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets.quoting import sql_literal

ROWS_BY_FILE, TRANSACTIONS, WAITING, RESOLVED = "rows_by_file", "transactions", "waiting_records", "resolved_records"
WHAT_TO_DO = {
    ROWS_BY_FILE: (
        "Another program writes to the table, or a manifest or report in control/ was deleted. Find the writer (the"
        " table's Delta log lists the commits), restore the table to the version before its first commit, then load the"
        " files that came since then again. The query where_rows_came_from lists the rows by file."
    ),
    TRANSACTIONS: (
        "The table lost commits: it was restored, deleted or rewritten. Load the files of these batches again (they are"
        " in archived/): rows that the table has already are counted as unchanged."
    ),
    WAITING: (
        "Load a file with these parents again: the next batch retries the records that wait for them. If the check"
        " still fails, please report it."
    ),
    RESOLVED: (
        "These rows should be in the table but are not: load their files again. `lakehouse rejects --dataset {dataset}"
        " --state resolved` lists them."
    ),
}
"""What to do if one of these checks fails; `{dataset}` stands for the dataset."""
REMEMBERED = timedelta(days=89)
"""How long a batch's transaction is certainly in the Delta log: a day less than `PROPERTIES` in `etl.engines.table`."""
REPORTS_AT_ONCE = 200
KNOWN = """
CREATE TABLE batches (batch_id VARCHAR, dataset VARCHAR, written BIGINT, retried BIGINT, created_at TIMESTAMPTZ);
CREATE TABLE files (batch_id VARCHAR, dataset VARCHAR, source_file VARCHAR, accepted BIGINT);
"""
"""The contents of reports and manifests. A count is NULL if it is not known: for a batch that failed or was abandoned
before its load result was written.
"""

UNKNOWN = """
SELECT coalesce(sum(rows_there), 0), coalesce(sum(rows_there) FILTER (
  WHERE batch_id IS NULL OR batch_id NOT IN (SELECT batch_id FROM batches WHERE dataset = $dataset)
  OR source_file IS NULL OR source_file NOT IN (SELECT source_file FROM files WHERE dataset = $dataset)
), 0)
FROM there
"""
"""The number of rows in the table, and the number of those whose batch or file is in no report or manifest."""
MORE = """
WITH own AS (
  SELECT batch_id, source_file, CASE WHEN count(accepted) = count(*) THEN sum(accepted) END AS most
  FROM files WHERE dataset = $dataset GROUP BY ALL
),
of_own AS (
  SELECT greatest(rows_there - most, 0) AS more FROM there JOIN own USING (batch_id, source_file)
),
others AS (
  SELECT batch_id, sum(rows_there) AS rows_there FROM there ANTI JOIN own USING (batch_id, source_file)
  WHERE source_file IN (SELECT source_file FROM own) GROUP BY batch_id
),
of_others AS (
  SELECT greatest(rows_there - retried, 0) AS more FROM others JOIN batches USING (batch_id) WHERE dataset = $dataset
)
SELECT coalesce(sum(more), 0) FROM (FROM of_own UNION ALL FROM of_others)
"""
"""The number of rows in the table in excess of those that were accepted from a batch's own files, and of those from
other files that the batch retried. A count that is not known is not a limit: greatest() ignores NULL.
"""


@dataclass(frozen=True)
class Audit:
    """`memory_mb`: the limit of DuckDB's memory. Beyond it, DuckDB spills to the zone's scratch folder."""

    contracts: Contracts
    zone: LandingZone
    tables: Tables
    memory_mb: int

    def results(self) -> dict[str, list[CheckResult]]:
        """The results of all checks, by dataset. Records that an open or abandoned batch has still to retry are a
        warning, not a failure.
        """
        with bounded(self.zone.scratch, self.memory_mb) as connection:
            connection.execute(KNOWN)
            under_way = open_batch(self.zone)
            self._read_reports(connection)
            if under_way is not None:
                _enter_manifest(connection, under_way, self.contracts)
            unsettled = under_way is not None or self.zone.store.exists(self.zone.abandoned_key)
            return {
                contract.dataset: [
                    self._rows_by_file(connection, contract),
                    self._transactions(connection, contract),
                    *self._of_rejected(connection, contract, unsettled=unsettled),
                ]
                for contract in self.contracts.values()
            }

    def _read_reports(self, connection: duckdb.DuckDBPyConnection) -> None:
        keys = iter(self.zone.store.keys(self.zone.reports_prefix))
        while some := list(islice(keys, REPORTS_AT_ONCE)):
            reports = [report for report in in_parallel(self.zone.store.get_json, some) if report]
            _insert(connection, "batches", (row for report in reports for row in _batches_of(report, self.contracts)))
            _insert(connection, "files", (row for report in reports for row in _files_of(report)))

    def _rows_by_file(self, connection: duckdb.DuckDBPyConnection, contract: Contract) -> CheckResult:
        """Checks that a batch has at most as many rows in the table as were accepted from its own files, and of other
        files at most as many as it retried.
        """
        table = existing_table(self.tables.table(contract.dataset), self.tables.storage_options)
        found = (
            None
            if table is None
            else ask(
                table, "SELECT batch_id, source_file, count(*) AS rows_there FROM t GROUP BY batch_id, source_file"
            )
        )
        rows, unknown, more = 0, 0, 0
        if found is not None:
            connection.execute("CREATE OR REPLACE TABLE there AS SELECT * FROM found")
            asked = {"dataset": contract.dataset}
            [(rows, unknown)] = connection.execute(UNKNOWN, asked).fetchall()
            [(more,)] = connection.execute(MORE, asked).fetchall()
        wrong = f"{unknown:,} from an unknown file or batch, {more:,} more than the reports have"
        message = f"{rows:,} rows, {wrong if unknown or more else 'all as in the reports'}"
        return CheckResult(
            ROWS_BY_FILE,
            not unknown and not more,
            message,
            {"rows": int(rows), "unknown": int(unknown), "more": int(more)},
        )

    def _transactions(self, connection: duckdb.DuckDBPyConnection, contract: Contract) -> CheckResult:
        table = existing_table(self.tables.table(contract.dataset), self.tables.storage_options)
        wrote = connection.execute(
            "SELECT batch_id FROM batches WHERE dataset = ? AND written > 0 AND created_at > ? ORDER BY created_at",
            [contract.dataset, datetime.now(UTC) - REMEMBERED],
        ).fetchall()
        lost = [
            batch_id
            for (batch_id,) in wrote
            if table is None or not committed(table, transaction_of(contract.dataset, batch_id))
        ]
        named = f"{', '.join(lost[:3])}{', …' if len(lost) > 3 else ''}"
        wrong = f"the table's log lacks {len(lost):,} of them: {named}"
        message = (
            f"{len(wrote):,} batches wrote rows in the last {REMEMBERED.days} days,"
            f" {wrong if lost else 'all in the log'}"
        )
        return CheckResult(TRANSACTIONS, not lost, message, {"batches": len(wrote), "lost": len(lost)})

    def _of_rejected(
        self, connection: duckdb.DuckDBPyConnection, contract: Contract, *, unsettled: bool
    ) -> Iterator[CheckResult]:
        rejected = Rejected.of(contract, self.tables, self.zone.scratch, self.memory_mb)
        if contract.parents:
            waiting = self._typed(connection, contract, rejected, "waiting = true")
            ready = self._with_parents(connection, contract) if waiting else 0
            found = f"{ready:,} of them although all parents are there" if ready else "for parents that are not there"
            message = f"{waiting:,} records wait{',' * (ready > 0)} {found}"
            if ready and unsettled:
                message += "; a batch is open or was abandoned, and the next one retries them"
            yield CheckResult(WAITING, ready == 0, message, {"waiting": waiting, "ready": ready}, severe=not unsettled)
        resolved = self._typed(connection, contract, rejected, "resolution IN ('healed', 'corrected')")
        own = Parent(contract.keys, contract.dataset, contract.keys)
        absent = find_absent(connection, self.tables, contract, own) if resolved else 0
        found = f"{absent:,} of them are not in the table" if absent else "all in the table"
        message = f"{resolved:,} healed or corrected rows, {found}"
        yield CheckResult(RESOLVED, absent == 0, message, {"resolved": resolved, "absent": absent})

    def _typed(
        self, connection: duckdb.DuckDBPyConnection, contract: Contract, rejected: Rejected | None, where: str
    ) -> int:
        """Creates the table `typed` from the records: their columns as the current plan reads them, and the rules that
        they break. Returns the number of records.
        """
        if rejected is None:
            return 0
        records = ask(
            rejected.table, f"SELECT raw FROM ({rejected.select_sql(('raw', 'resolution', 'waiting'))}) WHERE {where}"
        )
        connection.register("records", records)
        columns = ", ".join(f'raw[{sql_literal(name)}] AS "{name}"' for name in contract.file_names)
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {columns}, CAST(NULL AS VARCHAR) AS {MALFORMED} FROM records"
        )
        of_parents = (column for parent in contract.parents for column in parent.columns)
        kept = ", ".join(f'"{name}"' for name in dict.fromkeys((*contract.keys, *of_parents)))
        connection.execute(
            f"CREATE OR REPLACE TABLE typed AS SELECT {kept}, broken FROM ({for_duckdb(judge_sql(contract))})"
        )
        return int(connection.execute("SELECT count(*) FROM typed").fetchall()[0][0])

    def _with_parents(self, connection: duckdb.DuckDBPyConnection, contract: Contract) -> int:
        """The number of rows of `typed` that are valid by themselves and have all their parents."""
        connection.execute("DELETE FROM typed WHERE broken IS NOT NULL")
        for parent in contract.parents:
            find_absent(connection, self.tables, contract, parent)
            names = ", ".join(f'"{column}"' for column in parent.columns)
            connection.execute(f"DELETE FROM typed WHERE ({names}) IN (FROM absent)")
        return int(connection.execute("SELECT count(*) FROM typed").fetchall()[0][0])


def in_the_tables(load_results: Mapping[str, LoadResult], batch_id: str, tables: Tables) -> dict[str, LoadResult]:
    """The load results of a batch whose rows are in the tables: the table's own log has the batch's commit. A recorded
    load result alone is not evidence."""

    def is_there(dataset: str) -> bool:
        table = existing_table(tables.table(dataset), tables.storage_options)
        return table is not None and committed(table, transaction_of(dataset, batch_id))

    return {
        dataset: load_result
        for dataset, load_result in load_results.items()
        if not load_result.written or is_there(dataset)
    }


def _batches_of(report: LoadReport, contracts: Contracts) -> Iterator[tuple[Any, ...]]:
    for dataset in contracts:
        counts = report["datasets"].get(dataset)
        written, retried = (counts["inserted"] + counts["updated"], counts["retried"]) if counts else (None, None)
        yield report["batch_id"], dataset, written, retried, report["created_at"]


def _files_of(report: LoadReport) -> Iterator[tuple[Any, ...]]:
    for file in report["files"]:
        if file["dataset"] and file["source_file"]:
            accepted = file["read"] - file["rejected"] if file["dataset"] in report["datasets"] else None
            yield report["batch_id"], file["dataset"], file["source_file"], accepted


def _enter_manifest(connection: duckdb.DuckDBPyConnection, manifest: Manifest, contracts: Contracts) -> None:
    """Adds the open batch, with unknown counts: there may be no report of what it wrote so far. A report of an earlier
    attempt is removed.
    """
    for relation in ("batches", "files"):
        connection.execute(f"DELETE FROM {relation} WHERE batch_id = ?", [manifest.batch_id])
    _insert(
        connection, "batches", ((manifest.batch_id, dataset, None, None, manifest.created_at) for dataset in contracts)
    )
    _insert(
        connection,
        "files",
        ((manifest.batch_id, file.dataset, file.source_file, None) for file in manifest.files if file.dataset),
    )


def _insert(connection: duckdb.DuckDBPyConnection, relation: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Inserts column by column: row by row, 100,000 files would take minutes."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    if columns:
        connection.execute(f"INSERT INTO {relation} SELECT {', '.join(['unnest(?)'] * len(columns))}", columns)
