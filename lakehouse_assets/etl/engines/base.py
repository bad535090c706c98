"""The interface of an engine: the steps of loading one dataset. `etl.load` says in which order, and why.

An engine runs the plan's SQL over a batch's files and writes Delta tables. The two engines must produce equal tables,
rejects and counts: the same tests run on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from lakehouse_assets.contracts import Contract
from lakehouse_assets.landing.csv_files.dialect import Dialect

REJECTED_COLUMNS = {
    "record_id": "string",
    "dataset": "string",
    "reasons": "array<string>",
    "raw": "map<string,string>",
    "source_file": "string",
    "row_number": "bigint",
    "source_modified_at": "timestamp",
    "batch_id": "string",
    "healed_by": "string",
    "waiting": "boolean",
    "key": "string",
    "resolved_by": "string",
    "resolution": "string",
}
"""A rejected record: the raw text by column, every reason, and the last file that has the row. `waiting`: an orphan
that a late parent can resolve (the table's partition). `key`: the raw text of the key's columns
(`plan.key_text`). `resolved_by`: the batch that resolved the record, and `resolution`: how (`plan.resolve`); both are
NULL while it is open. `healed_by`: the same batch if the record's own row was loaded.
"""


@dataclass(frozen=True)
class RawFile:
    """One file version of a batch, for an engine to read.

    location: a path on this machine's disk, or an s3:// address that ends in .gz if the content is gzip.
    content: a hash of its bytes; with the row's number it identifies a rejected record.
    seen_before: an earlier batch had a file with the same content, whose rejected records may be there already.
    """

    file_id: str
    source_file: str
    source_modified_at: datetime
    location: str
    dialect: Dialect
    content: str = ""
    seen_before: bool = False

    @property
    def path(self) -> Path:
        return Path(self.location)

    @property
    def record(self) -> str:
        """The first part of the ids of its rejected records; the row's number follows."""
        return (self.content or self.file_id)[:24]


@dataclass(frozen=True)
class Tables:
    """Where the Delta tables are, and what a client needs to reach them. `dry_run`: the folder in which a dry run keeps
    what it would have written; its rows count as rows of the tables when parents are looked up.
    """

    data: str
    rejected: str
    storage_options: dict[str, str] = field(default_factory=dict)
    dry_run: Path | None = None

    def table(self, dataset: str) -> str:
        return f"{self.data.rstrip('/')}/{dataset}"

    def rejects(self, dataset: str) -> str:
        return f"{self.rejected.rstrip('/')}/{dataset}"


@dataclass(frozen=True)
class FileCounts:
    """The counts of one file: rows read, rejected, and those that changed the table (inserted or updated), and the
    number of rows by broken warning.
    """

    read: int = 0
    rejected: int = 0
    changed: int = 0
    warnings: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """The number of rows of one dataset in one batch, by outcome."""

    read: int = 0
    retried: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    stale: int = 0
    rejected: int = 0

    @property
    def accounted(self) -> bool:
        """Conservation: every row that was read or retried has exactly one outcome."""
        return (
            self.read + self.retried
            == self.inserted + self.updated + self.unchanged + self.duplicates + self.stale + self.rejected
        )


@dataclass(frozen=True)
class LoadResult:
    """The result of loading one dataset of a batch: the counts of its rows in total, by file (file_id), and by broken
    rule.

    `healed`: waiting records that are in the table now. `waiting`: the rejected rows that only wait for a parent.
    `differing`: duplicates that differ from the winning row of their key, if no version column tells which is right.
    `refreshed`: unchanged rows whose provenance in the table becomes that of the last file that has them. `resolved`:
    earlier rejected records whose key has a newer, accepted row now.
    """

    counts: Counts
    files: dict[str, FileCounts]
    reasons: dict[str, int]
    warnings: dict[str, int]
    healed: int
    waiting: int = 0
    differing: int = 0
    refreshed: int = 0
    resolved: int = 0

    @property
    def written(self) -> int:
        """The rows of the table that have this batch's id: inserted, updated and refreshed."""
        return self.counts.inserted + self.counts.updated + self.refreshed


@dataclass(frozen=True)
class Written:
    """The counts of a commit by its own metrics (`updated`: rows that existed); None if the same transaction had been
    committed before, so that nothing was written.
    """

    inserted: int
    updated: int


@dataclass(frozen=True)
class Maintained:
    """The result of maintaining one table: the number of files that were compacted, of the files that replaced them,
    and of the old files that were deleted.
    """

    table: str
    compacted: int
    into: int
    deleted: int


class DatasetLoad(Protocol):
    """One dataset of one batch, in an engine. The methods are called once each, in this order."""

    @property
    def merged_before(self) -> bool:
        """Whether an earlier try of this batch has committed its MERGE. Its verdicts are then final."""

    def read(self, files: Sequence[RawFile]) -> None:
        """Reads the files as text by column name and validates each row by itself."""

    def retry_orphans(self) -> None:
        """Retries the waiting orphans for which this batch, or an abandoned one, brought a missing parent."""

    def decide(self) -> LoadResult:
        """Looks up parents and the table's rows of the same keys, and gives each row its verdict."""

    def write_rejects(self, revision: int = 0) -> int | None:
        """Writes this batch's rejected records. Returns their number, or None if an earlier try has written them. A
        record that exists already, because its content was loaded before, is reopened with the last file that has it.
        `revision`: the number of times that the rules were changed between the tries of this batch; the records of
        tries with earlier rules are removed first.
        """

    def merge(self) -> Written | None:
        """Writes inserts and updates to the table in one commit; returns None if an earlier try has. It must be the
        commit right after the version that the load began with, as those to the rejects must. Raises TemporaryOutage if
        another writer committed in between.
        """

    def settle_rejects(self) -> None:
        """Marks the orphans that were retried (healed by this batch, or still waiting) and the records that this batch
        resolves.
        """

    def has_written(self, load_result: LoadResult, revision: int | None) -> bool:
        """Whether the tables' own logs have the commits that a load with this outcome made. `revision`: as it was for
        `write_rejects`; None: not known.
        """


class Engine(Protocol):
    @property
    def name(self) -> str:
        """As the setting names it."""

    @property
    def reads_from_bucket(self) -> bool:
        """Whether the engine reads the files from the bucket, which all its machines reach; otherwise it reads them
        from this machine's disk.
        """

    def dataset_load(
        self, contract: Contract, tables: Tables, batch_id: str, abandoned: Sequence[str] = ()
    ) -> AbstractContextManager[DatasetLoad]:
        """Opens the load of one dataset. Its scratch space is deleted when the context ends. `abandoned`: batches with
        whose rows no orphan was compared yet.
        """

    def plan_faults(self, contract: Contract, *, rules_only: bool = False) -> list[str]:
        """Plans a load of the dataset on empty tables. Returns what the engine cannot run, in words; none if the
        contract can be loaded. `rules_only`: plans only each rule by itself, for a contract that has faults.
        """

    def maintain(self, contract: Contract, tables: Tables, retain_hours: int) -> list[Maintained]:
        """Compacts the small files of a dataset's tables (OPTIMIZE), and deletes files that no version younger than
        `retain_hours` refers to (VACUUM).

        Call it only while no batch is loaded. No row changes.
        """
