"""Lists the rejected records with their state: open, waiting or resolved. They are read with delta-rs and DuckDB, in
bounded memory.

A table of an older version lacks the columns that say how a record was resolved. There, a record is resolved if it has
`healed_by`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable, QueryBuilder

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import Tables
from lakehouse_assets.etl.engines.embedded.delta import existing_table, outage_named
from lakehouse_assets.etl.plan import key_text
from lakehouse_assets.quoting import sql_literal

COLUMNS = (
    "dataset",
    "state",
    "reasons",
    "raw",
    "source_file",
    "row_number",
    "batch_id",
    "healed_by",
    "resolved_by",
    "resolution",
)
ROWS_AT_ONCE = 1000


class State(StrEnum):
    """OPEN: nothing has resolved the record yet. WAITING: its row is loaded automatically once its parent arrives.
    RESOLVED: healed, corrected or replayed.
    """

    OPEN = "open"
    WAITING = "waiting"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Wanted:
    """Which records to return. `reason` and `file` are parts of the text, in any case; `since` and `until` are days
    (UTC) of the file's time.
    """

    states: tuple[State, ...] = (State.OPEN, State.WAITING)
    reason: str | None = None
    file: str | None = None
    batch: str | None = None
    key: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Rejected:
    """The rejected records of one dataset. `scratch` and `memory_mb` limit what sorting them takes."""

    contract: Contract
    table: DeltaTable
    scratch: Path
    memory_mb: int

    @staticmethod
    def of(contract: Contract, tables: Tables, scratch: Path, memory_mb: int) -> Rejected | None:
        """Returns None if no row of the dataset was ever rejected."""
        table = existing_table(tables.rejects(contract.dataset), tables.storage_options)
        return None if table is None else Rejected(contract, table, scratch, memory_mb)

    def records(self, wanted: Wanted) -> Iterator[tuple[Any, ...]]:
        """Yields the values of COLUMNS of each record, by file and row: reasons as a list, raw as a dict."""
        states = ", ".join(sql_literal(str(state)) for state in wanted.states)
        waiting = "" if State.WAITING in wanted.states else " AND waiting = false"  # the table's partition
        inside = (
            f"SELECT * FROM ({self.select_sql(COLUMNS)} WHERE {self._where(wanted)}{waiting}) WHERE state IN ({states})"
        )
        with bounded(self.scratch, self.memory_mb) as connection, outage_named(self.table.table_uri):
            found = connection.register("records", ask(self.table, inside)).execute(
                "SELECT * FROM records ORDER BY source_file, row_number, batch_id"
            )
            while rows := found.fetchmany(ROWS_AT_ONCE):
                yield from rows

    def counts(self, wanted: Wanted) -> dict[State, int]:
        """Returns the number of records of each state. The states in `wanted` do not matter."""
        states = f"{self.select_sql(('state',))} WHERE {self._where(wanted)}"
        inside = f"SELECT state, count(*) AS records FROM ({states}) GROUP BY state"
        with bounded(self.scratch, self.memory_mb) as connection, outage_named(self.table.table_uri):
            rows = connection.register("records", ask(self.table, inside)).execute("SELECT * FROM records").fetchall()
        return {State(state): int(number) for state, number in rows}

    def select_sql(self, names: Sequence[str]) -> str:
        """Returns a SELECT of these columns, `state` among them, from `t`. It works for tables of older versions,
        too.
        """
        return f"SELECT {', '.join(f'{self._column(name)} AS {name}' for name in names)} FROM t"

    def _column(self, name: str) -> str:
        resolved_by, resolution = (self._own(own) for own in ("resolved_by", "resolution"))
        match name:
            case "state":
                return (
                    f"CASE WHEN waiting THEN 'waiting' WHEN coalesce({resolved_by}, healed_by) IS NOT NULL THEN"
                    " 'resolved' ELSE 'open' END"
                )
            case "resolved_by":
                return f"coalesce({resolved_by}, healed_by)"
            case "resolution":
                return f"coalesce({resolution}, CASE WHEN healed_by IS NOT NULL THEN 'healed' END)"
            case "key":
                return f"coalesce({self._own('key')}, {key_text(self.contract, 'raw')})"
        return f'"{name}"'

    def _has_key(self, key: str) -> str:
        """The predicate that a record has this key. Spaces around it, and around the commas of a key of several
        columns, do not matter.
        """
        if len(self.contract.keys) == 1:
            return f"trim({self._column('key')}) = {sql_literal(key.strip())}"
        wanted = ",".join(part.strip() for part in key.split(","))
        return f"regexp_replace(trim({self._column('key')}), ' *, *', ',', 'g') = {sql_literal(wanted)}"

    def _own(self, name: str) -> str:
        present = {field.name for field in self.table.schema().fields}
        return f'"{name}"' if name in present else "CAST(NULL AS VARCHAR)"

    def _where(self, wanted: Wanted) -> str:
        """The conditions that delta-rs evaluates while it reads: it skips files by their partition and statistics."""
        asked = []
        if wanted.reason is not None:
            asked.append(_holds("array_to_string(reasons, '; ')", wanted.reason))
        if wanted.file is not None:
            asked.append(_holds("source_file", wanted.file))
        if wanted.batch is not None:
            asked.append(f"batch_id = {sql_literal(wanted.batch)}")
        if wanted.key is not None:
            asked.append(self._has_key(wanted.key))
        if wanted.since is not None:
            asked.append(f"source_modified_at >= TIMESTAMP '{wanted.since.isoformat()}T00:00:00Z'")
        if wanted.until is not None:
            asked.append(f"source_modified_at < TIMESTAMP '{(wanted.until + timedelta(days=1)).isoformat()}T00:00:00Z'")
        return " AND ".join(asked) or "true"


def _holds(text: str, part: str) -> str:
    return f"strpos(lower({text}), {sql_literal(part.lower())}) > 0"


def ask(table: DeltaTable, sql: str) -> Any:
    """Returns the rows of a query on the table, which is named `t` in it, as an Arrow stream."""
    return QueryBuilder().register("t", table).execute(sql)


@contextmanager
def bounded(scratch: Path, memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with this much memory. Beyond that, it spills to a folder that is deleted at the end."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="questions-", dir=scratch) as folder, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit='{memory_mb}MB'; SET temp_directory={sql_literal(folder)}")
        connection.execute("SET TimeZone='UTC'; SET enable_progress_bar=false")
        yield connection
