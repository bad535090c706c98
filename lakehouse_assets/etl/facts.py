"""The facts about the columns of files for which there is no contract yet: they are read as any load reads them, and a
type fits a column if each of its values has the type's written form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import duckdb

from lakehouse_assets.contracts import Column, Contract, Kind
from lakehouse_assets.contracts.draft import ColumnFacts, Facts, able_keys, column_names
from lakehouse_assets.contracts.encodings import UTF_8
from lakehouse_assets.errors import BadData
from lakehouse_assets.etl.engines.base import RawFile
from lakehouse_assets.etl.engines.embedded.raw import judge_files
from lakehouse_assets.etl.guesses import Guess, guesses
from lakehouse_assets.etl.plan import for_duckdb
from lakehouse_assets.etl.plan.types import texts, typed
from lakehouse_assets.landing.csv_files.encoding import INSTEAD
from lakehouse_assets.landing.csv_files.first_records import FirstRecord
from lakehouse_assets.landing.csv_files.preflight import UnusableError, first_records_of, preflight

FEW, OFTEN = 10, 5
"""A text has a few values if it has at most so many, and each occurs so often on average."""
MONEY = (12, 4)
"""The digits of a decimal that is suggested for numbers, and the most decimals that they may have."""
MOST_IN_PAIRS = 8
"""Columns whose pairs are looked at."""


@dataclass(frozen=True)
class Source:
    """A CSV file, and the name by which a person knows it: the file's, or that of a workbook's sheet."""

    path: Path
    name: str


@dataclass(frozen=True)
class Header:
    """The header of a file: its names, and the column of a contract for each; None if there can be none."""

    texts: tuple[str, ...]
    names: tuple[str | None, ...]

    @property
    def columns(self) -> dict[str, str]:
        """The name in the file by the name of the column."""
        return {name: text for name, text in zip(self.names, self.texts, strict=True) if name}

    @property
    def left_out(self) -> list[str]:
        return [text for text, name in zip(self.texts, self.names, strict=True) if name is None]


def header_of(source: Source, encoding: str = UTF_8) -> Header:
    """Reads the header of a CSV file: of the records with as many fields as most have, the first that fills most of
    them. Raises BadData if there is none.
    """
    try:
        read = first_records_of(source.path, encoding)
    except UnusableError as unusable:
        raise BadData(f"{source.name} {_of_draft(str(unusable))}") from unusable
    found = [(_usual_width(records), records) for records in read]
    width, records = max(found, key=lambda each: each[0], default=(0, []))
    regular = [record.cells for record in records if len(record.cells) == width]
    if not regular:
        raise BadData(f"{source.name} is empty: a draft needs a header and rows.")
    cells = max(regular, key=_filled)
    if not any(letter.isalpha() for text in cells for letter in text):
        raise BadData(f"{source.name} has no column name in its header: the first line must name the columns.")
    return Header(cells, tuple(column_names(cells)))


def facts_of(
    sources: Sequence[Source], header: Header, dataset: str, scratch: Path, memory_mb: int, encoding: str = UTF_8
) -> Facts:
    """The facts about files with this header. Rows that cannot be read as the header says are left out. Raises BadData,
    naming the file, if one cannot be read.
    """
    contract = _as_texts(header.columns)
    files = [_raw_file(source, contract, encoding) for source in sources]
    with closing(
        duckdb.connect(config={"memory_limit": f"{memory_mb}MB", "temp_directory": str(scratch)})
    ) as connection:
        connection.execute("SET TimeZone='UTC'; SET enable_progress_bar=false")
        texts_of = ", ".join(f'"{name}" VARCHAR' for name in contract.names)
        connection.execute(f"CREATE TABLE judged_rows (file_no INTEGER, {texts_of}, broken VARCHAR, warned VARCHAR)")
        judge_files(connection, contract, files, scratch)
        connection.execute("CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM judged_rows WHERE broken IS NULL")
        [(rows,)] = connection.execute("SELECT count(*) FROM raw").fetchall()
        if not rows:
            raise BadData(f"{sources[0].name} has no row that can be read: a draft needs rows.")
        guessed = guesses(connection, contract.columns)
        columns = tuple(_facts(connection, guess, header.columns[guess.column.name], rows) for guess in guessed)
        able = [column.name for column in able_keys(columns, dataset)]
        alone = any(column.is_unique for column in columns if column.name in able)
        return Facts(rows, columns, () if alone else _pairs(connection, able[:MOST_IN_PAIRS], rows))


def _pairs(connection: duckdb.DuckDBPyConnection, names: Sequence[str], rows: int) -> tuple[tuple[str, str], ...]:
    pairs = list(combinations(names, 2))
    if not pairs:
        return ()
    counts = ", ".join(f'count(DISTINCT (trim("{one}"), trim("{other}")))' for one, other in pairs)
    [found] = connection.execute(f"SELECT {counts} FROM raw").fetchall()
    return tuple(pair for pair, distinct in zip(pairs, found, strict=True) if distinct == rows)


def _usual_width(records: Sequence[FirstRecord]) -> int:
    """The number of fields that most records have."""
    return Counter(len(record.cells) for record in records).most_common(1)[0][0]


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def _as_texts(names: dict[str, str]) -> Contract:
    columns = tuple(
        Column(name, Kind.STRING, required=False, description="", headers=(text,)) for name, text in names.items()
    )
    return Contract(
        dataset="draft",
        document="",
        contract_version="",
        description="",
        columns=columns,
        keys=(),
        version=None,
        partition=None,
        parents=(),
        rules=(),
        sample_rows=1,
        job="draft",
        allows_unknown=True,
    )


def _raw_file(source: Source, contract: Contract, encoding: str) -> RawFile:
    # The header is the first row that has all required columns: a title above it has none.
    required = tuple(replace(column, required=True) for column in contract.columns)
    found = preflight(source.path, replace(contract, columns=required), encoding=encoding)
    if found.problem:
        raise BadData(f"{source.name} {_of_draft(found.problem)}")
    return RawFile(str(source.path), source.name, datetime.now(UTC), str(source.path.resolve()), found.dialect)


def _of_draft(problem: str) -> str:
    return f"{problem} (in a draft: --encoding)" if problem.endswith(INSTEAD) else problem


def _facts(connection: duckdb.DuckDBPyConnection, guess: Guess, header: str, rows: int) -> ColumnFacts:
    is_text = guess.column.kind is Kind.STRING  # whose words for missing values are only suggested
    column = replace(guess.column, missing_values=()) if is_text else guess.column
    sql = f"WITH as_read AS (SELECT {', '.join(texts(column))} FROM raw) SELECT {typed(column)} AS value FROM as_read"
    values = f"({for_duckdb(sql)})"
    [(present, distinct, least, most)] = connection.execute(
        f"SELECT count(value), count(DISTINCT value), min(value), max(value) FROM {values}"
    ).fetchall()
    few: list[tuple[str]] = []
    if column.kind is Kind.STRING and 0 < distinct <= min(FEW, present / OFTEN):
        few = connection.execute(f"SELECT DISTINCT value FROM {values} WHERE value IS NOT NULL ORDER BY 1").fetchall()
    return ColumnFacts(
        column.name,
        header,
        column.kind,
        required=present == rows,
        is_unique=distinct == rows,
        least=least,
        most=most,
        values=tuple(value for (value,) in few),
        form=column.form,
        either=guess.either,
        missing=guess.column.missing_values,
        digits=_digits(connection, values) if column.kind is Kind.DOUBLE else None,
    )


def _digits(connection: duckdb.DuckDBPyConnection, values: str) -> tuple[int, int] | None:
    """A decimal's digits and decimals that hold each number; None if they have more decimals than money has."""
    [(decimals, most)] = connection.execute(
        f"SELECT max(CASE WHEN contains(text, 'e') THEN 99 ELSE length(split_part(text, '.', 2)) END), max(abs(value))"
        f" FROM (SELECT value, value::VARCHAR AS text FROM {values}) WHERE value IS NOT NULL"
    ).fetchall()
    decimals = max(decimals, 2)
    return (MONEY[0], decimals) if decimals <= MONEY[1] and most < 10 ** (MONEY[0] - decimals) else None
