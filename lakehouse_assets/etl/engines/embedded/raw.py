"""From files to validated rows: DuckDB reads the files as text by column name and runs the plan's first half over them
in one pass.

Files of one layout are read together (10,000 small files are one statement). The strict reader raises an error at a row
that does not fit the header. The files are then halved until the faulty one is alone, and `tolerant` rewrites it. It
also rewrites the files that the strict reader would read wrongly without an error (`readers`). The order of rows is
kept, so a row's place in its file follows from its rowid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import BadData
from lakehouse_assets.etl.engines.base import RawFile
from lakehouse_assets.etl.engines.embedded.readers import Reader, reader_of
from lakehouse_assets.etl.engines.embedded.tolerant import RAW, rewritten
from lakehouse_assets.etl.plan import for_duckdb, judge_sql
from lakehouse_assets.landing.routing import MALFORMED
from lakehouse_assets.quoting import sql_literal

NO_NULL = "\x01\x02no text is this\x02\x01"
"""DuckDB reads this text as NULL, so that an empty field stays an empty text, distinct from a missing one."""
LONGEST_LINE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Layout:
    """What files must have in common to be read by one statement."""

    header: tuple[str, ...]
    delimiter: str
    compression: str
    threads: bool


@dataclass(frozen=True)
class Chunk:
    """The files that one statement read. `first_row`: the rowid of their first row in `judged_rows`."""

    layout: Layout
    files: tuple[RawFile, ...]
    first_row: int


def judge_files(
    connection: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[RawFile], scratch: Path
) -> list[Chunk]:
    """Fills `judged_rows` (file_no, the typed columns, broken, warned); `file_no` counts `files` from 0. Returns the
    groups of files that were read together.
    """
    layouts: dict[Layout, list[RawFile]] = defaultdict(list)
    number = {file.file_id: index for index, file in enumerate(files)}
    for file in files:
        reader = reader_of(file)
        strict = rewritten(file, scratch / f"{number[file.file_id]}.csv") if reader is Reader.PYTHON else file
        layouts[_layout(strict, threads=reader is Reader.THREADS)].append(strict)
    chunks: list[Chunk] = []
    for layout, alike in layouts.items():
        chunks += _judge_alike(connection, contract, layout, alike, number, scratch)
    return chunks


def _judge_alike(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    layout: Layout,
    files: list[RawFile],
    number: dict[str, int],
    scratch: Path,
) -> Iterator[Chunk]:
    [(first_row,)] = connection.execute("SELECT count(*) FROM judged_rows").fetchall()
    columns = [_raw_column(layout, name) for name in contract.file_names] + [_raw_column(layout, MALFORMED)]
    numbers = ", ".join(str(number[file.file_id]) for file in files)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW raw AS SELECT [{numbers}][CAST(file_index AS BIGINT) + 1] AS file_no,"
        f" {', '.join(columns)} FROM {read_csv(layout, files)}"
    )
    try:
        connection.execute(f"INSERT INTO judged_rows {for_duckdb(judge_sql(contract, 'file_no'))}")
    except (
        duckdb.InvalidInputException,
        duckdb.NotImplementedException,
    ) as error:  # the latter where threads disagree about a border
        if len(files) > 1:
            middle = len(files) // 2
            yield from _judge_alike(connection, contract, layout, files[:middle], number, scratch)
            yield from _judge_alike(connection, contract, layout, files[middle:], number, scratch)
        elif RAW in layout.header:
            raise BadData(
                f"{files[0].source_file} holds a row that cannot be read: {str(error).splitlines()[0]} (a row may have"
                f" {LONGEST_LINE:,} bytes). Nothing was loaded. Take the row out of the file, or the file out of the"
                " batch, and run again."
            ) from error
        else:
            tolerant = rewritten(files[0], scratch / f"{number[files[0].file_id]}.csv")
            yield from _judge_alike(connection, contract, _layout(tolerant, threads=False), [tolerant], number, scratch)
        return
    yield Chunk(layout, tuple(files), first_row)


def _layout(file: RawFile, *, threads: bool) -> Layout:
    return Layout(file.dialect.header, file.dialect.delimiter, file.dialect.compression, threads)


def _raw_column(layout: Layout, name: str) -> str:
    place = layout.header.index(name) if name in layout.header else None
    return f'CAST(NULL AS VARCHAR) AS "{name}"' if place is None else f'c{place} AS "{name}"'


def read_csv(layout: Layout, files: Sequence[RawFile]) -> str:
    """The table function that reads files of one layout, every field as text, columns named c0, c1, … in the header's
    order.
    """
    paths = ", ".join(sql_literal(str(file.path)) for file in files)
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(layout.header)))
    rewritten_lines = f", max_line_size={LONGEST_LINE}, buffer_size={2 * LONGEST_LINE}" if RAW in layout.header else ""
    one_thread = "" if layout.threads else ", parallel=false"
    return (
        f"read_csv([{paths}], delim={sql_literal(layout.delimiter)}, quote='\"', escape='\"', header=false, skip=1,"
        f" auto_detect=false, strict_mode=true, compression='{layout.compression}', nullstr={sql_literal(NO_NULL)},"
        f" columns={{{columns}}}{rewritten_lines}{one_thread})"
    )


def raw_of_rejected(chunk: Chunk) -> str:
    """SQL for (row_id, raw) of a chunk's rejected rows: the files are read once more, because keeping every row's text
    for the few that need it costs more.
    """
    layout = chunk.layout
    named = {name: f"c{place}" for place, name in enumerate(layout.header) if name not in (MALFORMED, RAW)}
    as_map = f"MAP([{', '.join(sql_literal(name) for name in named)}], [{', '.join(named.values())}])"
    if RAW in layout.header:
        raw = f"c{layout.header.index(RAW)}"
        as_map = f"CASE WHEN {raw} <> '' THEN CAST(CAST({raw} AS JSON) AS MAP(VARCHAR, VARCHAR)) ELSE {as_map} END"
    return (
        f"SELECT row_id, {as_map} AS raw FROM (SELECT *, row_number() OVER () - 1 + {chunk.first_row} AS row_id FROM"
        f" {read_csv(layout, chunk.files)}) WHERE row_id IN (SELECT row_id FROM not_inserted WHERE verdict ="
        " 'rejected')"
    )
