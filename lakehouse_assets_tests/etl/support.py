"""Drives an engine as `etl.load` does, without S3: files made of rows, batches of all datasets, tables and rejects read
back as plain dicts.
"""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from lakehouse_assets.contracts import Contract, Contracts
from lakehouse_assets.etl.engines.base import Engine, LoadResult, RawFile, Tables, Written
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.csv_files.records import FIELD_LIMIT
from lakehouse_assets_tests.support import read_delta

START = datetime(2025, 6, 1, 12, tzinfo=UTC)
HEADERS = {
    "products": ("product_id", "department_id", "department", "product_name"),
    "orders": ("order_num", "order_id", "user_id", "order_timestamp", "total_amount", "date"),
    "order_items": (
        "id",
        "order_id",
        "user_id",
        "days_since_prior_order",
        "product_id",
        "add_to_cart_order",
        "reordered",
        "order_timestamp",
        "date",
    ),
}
GOOD: dict[str, dict[str, str]] = {
    "products": {"product_id": "1", "department_id": "2", "department": "Books", "product_name": "Atlas"},
    "orders": {
        "order_num": "1",
        "order_id": "10",
        "user_id": "5",
        "order_timestamp": "2025-04-01T11:27:00",
        "total_amount": "9.5",
        "date": "2025-04-01",
    },
    "order_items": {
        "id": "100",
        "order_id": "10",
        "user_id": "5",
        "days_since_prior_order": "",
        "product_id": "1",
        "add_to_cart_order": "1",
        "reordered": "0",
        "order_timestamp": "2025-04-01T11:27:00",
        "date": "2025-04-01",
    },
}
"""A sound row of each dataset; the item's parents are the other two."""
CREATED_IN = tempfile.TemporaryDirectory(prefix="lakehouse-tables-")
CREATED: dict[tuple[object, ...], Tables] = {}
"""Empty tables that Spark created, by kind. Tests copy them and do not write to them."""
STEPS = ("read", "retry_orphans", "decide", "write_rejects", "merge", "settle_rejects")


def row(dataset: str, **changed: str) -> tuple[str, ...]:
    """A sound row with some of its texts changed, in the header's order."""
    return tuple({**GOOD[dataset], **changed}[name] for name in HEADERS[dataset])


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]], newline: str = "\n", delimiter: str = ",") -> str:
    """A CSV text as RFC 4180 describes it. (Before Python 3.13, the csv module leaves a carriage return unquoted if
    lines end in a line feed.)
    """
    return "".join(delimiter.join(_field(text, delimiter) for text in fields) + newline for fields in (header, *rows))


def _field(text: str, delimiter: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in (delimiter, '"', "\n", "\r")) else text


@dataclass(frozen=True)
class Given:
    """A file as a test gives it; `minutes`: its time after START. `content`: the hash of its bytes, if the test
    cares.
    """

    name: str
    text: str | bytes
    minutes: int = 0
    delimiter: str = ","
    seen_before: bool = False
    content: str = ""
    regular: bool | None = None
    encoding: str = "utf-8"


def rows_file(
    dataset: str, *rows: Sequence[str], name: str = "file.csv", minutes: int = 0, header: Sequence[str] | None = None
) -> Given:
    """A CSV file of a dataset."""
    return Given(name, csv_text(header or HEADERS[dataset], rows), minutes)


class House:
    """One lakehouse on the local disk, in one engine."""

    def __init__(self, engine: Engine, folder: Path, contracts: Contracts) -> None:
        self.engine, self.folder, self.contracts = engine, folder, contracts
        self.tables = Tables(str(folder / "tables"), str(folder / "rejected"))
        self._files = 0

    def raw_file(self, given: Given) -> RawFile:
        """The file on disk, with what preflight finds out: its header, its compression, whether its line ends are of
        one kind.
        """
        content = given.text.encode() if isinstance(given.text, str) else given.text
        self._files += 1
        path = self.folder / "files" / f"{self._files}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        packed = content[:2] == b"\x1f\x8b"
        text = (gzip.decompress(content) if packed else content).decode(
            "utf-8-sig" if given.encoding == "utf-8" else given.encoding
        )
        regular = (
            "\r" not in text.replace("\r\n", "") and (text.count("\r\n") in (0, text.count("\n")))
        ) or '"' in text
        return RawFile(
            file_id=f"{given.name}@{given.minutes}",
            source_file=given.name,
            source_modified_at=START + timedelta(minutes=given.minutes),
            location=str(path),
            dialect=Dialect(
                header=header_of(text, given.delimiter),
                delimiter=given.delimiter,
                compression="gzip" if packed else "none",
                regular=regular if given.regular is None else given.regular,
                quoted='"' in text,
                multiline=_multiline(text, given.delimiter),
                encoding=given.encoding,
            ),
            content=given.content,
            seen_before=given.seen_before,
        )

    def load(
        self,
        dataset: str,
        batch: str,
        *given: Given,
        until: str = STEPS[-1],
        revision: int = 0,
        abandoned: Sequence[str] = (),
    ) -> Loaded:
        """One dataset of one batch; `until`: the last step that is done, as if the process died after it."""
        if self.engine.name == "spark":
            self._create_quickly(self.contracts[dataset])
        with self.engine.dataset_load(self.contracts[dataset], self.tables, batch, abandoned) as load:
            loaded = Loaded(None, None, None)
            for step in STEPS[: STEPS.index(until) + 1]:
                if step == "read":
                    load.read([self.raw_file(file) for file in given])
                elif step == "decide":
                    load_result = load.decide()
                    assert load_result.counts.accounted, load_result.counts
                    assert load_result.counts.read == sum(file.read for file in load_result.files.values())
                    loaded = replace(loaded, load_result=load_result)
                elif step == "write_rejects":
                    loaded = replace(loaded, rejected=load.write_rejects(revision))
                elif step == "merge":
                    loaded = replace(loaded, written=load.merge())
                else:
                    getattr(load, step)()
            return loaded

    def _create_quickly(self, contract: Contract) -> None:
        """Creates the dataset's empty tables, if they do not exist, as copies of tables that Spark created once for
        each kind of table: that takes half a second.
        """
        if Path(self.tables.table(contract.dataset)).exists():
            return
        kind = (contract.dataset, contract.partition, *contract.table_columns.items())
        if kind not in CREATED:
            made = Tables(tempfile.mkdtemp(dir=CREATED_IN.name), tempfile.mkdtemp(dir=CREATED_IN.name))
            with self.engine.dataset_load(contract, made, "none"):
                CREATED[kind] = made
        for before, now in ((CREATED[kind].table, self.tables.table), (CREATED[kind].rejects, self.tables.rejects)):
            shutil.copytree(before(contract.dataset), now(contract.dataset))

    def batch(self, batch: str, **files: Sequence[Given]) -> dict[str, Loaded]:
        """Loads a batch of all datasets, parents first. A dataset without files is loaded too, because its orphans may
        have got their parents.
        """
        assert not files.keys() - set(self.contracts)
        return {dataset: self.load(dataset, batch, *files.get(dataset, ())) for dataset in self.contracts}

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        """The table's rows, sorted by key."""
        return _named(read_delta(self.delta(dataset), order=self._by_key(dataset)))

    def values(self, dataset: str, *names: str) -> list[tuple[Any, ...]]:
        """Some columns of the table's rows, sorted by key."""
        return read_delta(self.delta(dataset), names, self._by_key(dataset))[1]

    def _by_key(self, dataset: str) -> str:
        return ", ".join(f'"{key}"' for key in self.contracts[dataset].keys)

    def rejects(self, dataset: str) -> list[dict[str, Any]]:
        """The rejected records, sorted by file time, file and row."""
        return _named(
            read_delta(self.delta_rejects(dataset), order="source_modified_at, source_file, row_number, record_id")
        )

    def reasons(self, dataset: str) -> list[list[str]]:
        return [record["reasons"] for record in self.rejects(dataset)]

    def state(self) -> dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
        return {dataset: (self.rows(dataset), self.rejects(dataset)) for dataset in self.contracts}

    def delta(self, dataset: str) -> DeltaTable:
        return DeltaTable(self.tables.table(dataset))

    def delta_rejects(self, dataset: str) -> DeltaTable:
        return DeltaTable(self.tables.rejects(dataset))

    def versions(self) -> dict[str, tuple[int, int]]:
        return {
            dataset: (self.delta(dataset).version(), self.delta_rejects(dataset).version())
            for dataset in self.contracts
        }


def _named(found: tuple[list[str], list[tuple[Any, ...]]]) -> list[dict[str, Any]]:
    names, rows = found
    return [dict(zip(names, values, strict=True)) for values in rows]


@dataclass(frozen=True)
class Loaded:
    """What the steps of one load gave; None for those that were not reached (or did nothing: see `DatasetLoad`)."""

    load_result: LoadResult | None
    rejected: int | None
    written: Written | None

    @property
    def counts(self) -> dict[str, int]:
        """The counts that are not 0."""
        assert self.load_result is not None
        return {name: number for name, number in vars(self.load_result.counts).items() if number}


def _multiline(text: str, delimiter: str) -> bool:
    """Whether a record of the text takes several lines."""
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lines = 0
    for _ in reader:
        if reader.line_num > lines + 1:
            return True
        lines = reader.line_num
    return False


def header_of(text: str, delimiter: str) -> tuple[str, ...]:
    """The first record's names, as preflight normalises them."""
    first = next((cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if cells), [])
    return tuple(name.strip().casefold() or f"column_{place}" for place, name in enumerate(first, start=1))
