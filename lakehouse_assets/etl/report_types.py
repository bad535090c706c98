"""The load report as JSON: what `lakehouse load --json` prints, and what is stored under control/reports/ in the
bucket.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Status = Literal["succeeded", "succeeded_with_rejects", "failed", "abandoned"]


class DatasetCounts(TypedDict):
    """The rows of one dataset in one batch. read + retried = the sum of the other counts."""

    read: int
    """Rows read from the batch's files."""
    retried: int
    """Rejected rows of earlier batches that were tried again, because a missing parent arrived with this batch."""
    inserted: int
    """Rows whose key was new to the table."""
    updated: int
    """Rows that changed a row of the table."""
    unchanged: int
    """Rows that the table had already, with the same values."""
    duplicates: int
    """Rows whose key occurs again in the batch, in the row that was taken."""
    stale: int
    """Rows that are older than the table's row of the same key."""
    rejected: int
    """Rows that break a rule of the contract, and rows that wait for a parent."""


class FileReport(TypedDict):
    """One file or sheet of a batch, or a file on the command line that was not uploaded."""

    name: str
    """The file's name without the folders that are the same for each file; of a sheet workbook#sheet."""
    dataset: str | None
    """The dataset that the file belongs to; null if it belongs to none, or is a workbook."""
    outcome: str
    """What became of the file: loaded, not_loaded, empty, duplicate, quarantined, ignored or abandoned."""
    reason: str | None
    """Why the file was not loaded; null if it was."""
    read: int
    """Rows read from the file."""
    rejected: int
    """Rows of the file that were rejected."""
    rows_aside: NotRequired[int | None]
    """Rows in a file that was not taken; null if they cannot be counted, 0 if the file was taken. Reports from before
    this key lack it."""
    warnings: list[str]
    """Findings about a file that was loaded, as sentences; "3 rows: ..." for a rule of which rows are only counted."""
    source_file: str | None
    """The file's key in the bucket, or workbook key#sheet; null for a file that was not uploaded."""
    workbook: NotRequired[str | None]
    """The name of the workbook that a sheet is from; null for a file. Reports from before this key lack it."""


class RunBy(TypedDict, total=False):
    """Who ran a batch the last time."""

    name: str | None
    """A Dagster run, a command, or State machine."""
    execution: str | None
    """The ARN of the state machine's execution; null if Dagster or the command line ran the batch."""
    link: str | None
    """The execution's address in AWS's console; null without an execution."""


class LoadReport(TypedDict):
    """The report of one batch. Dictionaries by dataset lack a dataset that has nothing to report."""

    batch_id: str
    """The batch's id: a hash of its file versions."""
    status: Status
    """How the batch ended: succeeded, succeeded_with_rejects (a larger share of rows was rejected or in quarantined
    files than LAKEHOUSE_REJECT_WARNING says), failed (the batch is still open) or abandoned."""
    error: str | None
    """Why the batch failed or was abandoned, in words; null if it succeeded."""
    run_by: NotRequired[RunBy]
    """Who ran the batch. Reports from before this key lack it."""
    created_at: str
    """When the batch was frozen, as ISO 8601 in UTC, to the millisecond."""
    datasets: dict[str, DatasetCounts]
    """The counts of rows, by dataset. A dataset that was not loaded is missing."""
    healed: dict[str, int]
    """Rejected rows of earlier batches that came into the table with this one, by dataset."""
    resolved: NotRequired[dict[str, int]]
    """Rejected rows of earlier batches whose key has a newer, accepted row now, by dataset. Reports from before this
    key lack it."""
    waiting: NotRequired[dict[str, int]]
    """Of the rejected rows, those that only wait for a parent, by dataset. Reports from before this key lack it."""
    differing: NotRequired[dict[str, int]]
    """Of the duplicates, rows that differ from the row that was taken, where no version column tells which is right, by
    dataset. Reports from before this key lack it."""
    reasons: dict[str, dict[str, int]]
    """Rejected rows by dataset and reason. A row with two reasons counts in both."""
    warnings: dict[str, dict[str, int]]
    """Loaded rows that break a rule of severity warning, by dataset and rule. A row that breaks two counts in both."""
    rows_aside: NotRequired[int | None]
    """Rows in all files and sheets that were not taken; null if some cannot be counted. Reports from before this key
    lack it."""
    files: list[FileReport]
    """Each file and sheet of the batch. A converted workbook is represented by its sheets."""


class NoBatch(TypedDict):
    """The report of a load that had no batch: no file was pending, or it failed before a batch was frozen. It is
    printed, not stored."""

    batch_id: None
    """There was no batch: null."""
    status: Literal["nothing_to_do", "failed"]
    """nothing_to_do, or failed."""
    error: NotRequired[str]
    """Why the load failed, in words; missing if there was nothing to do."""
    datasets: dict[str, DatasetCounts]
    """Empty."""
    rows_aside: int
    """Always 0."""
    files: list[FileReport]
    """The files on the command line that were not uploaded."""


class RejectedReason(TypedDict):
    """A reason for which rows would be rejected."""

    dataset: str
    """The dataset of the rows."""
    reason: str
    """The reason, as in the rejected records."""
    rows: int
    """The number of rows. A row with two reasons counts in both."""
    file: str | None
    """The file or sheet of the first such row; null if the rows are of earlier batches."""
    row: int | None
    """The number of the first such row in its file, from 1, the header not counted."""
    hint: str | None
    """What the rule wants, in a sentence; null if the reason says it."""


class Validation(TypedDict):
    """What a load of files would do: `lakehouse validate --json` prints it. Dictionaries by dataset lack a dataset that
    has nothing to report."""

    passes: bool
    """Whether there is no problem. The exit code is 0 then, and 1 otherwise."""
    problems: list[str]
    """Why the files do not pass: a sentence for each file or sheet that would not be taken, and for each dataset of
    whose rows more would be rejected than --fail-above allows."""
    tables: str | None
    """Where the tables are with which the rows were compared; null if there are none yet."""
    datasets: dict[str, DatasetCounts]
    """The counts of rows, by dataset, as a load would report them, without datasets that have no rows."""
    waiting: dict[str, int]
    """Of the rejected rows, those that would only wait for a parent, by dataset."""
    healed: dict[str, int]
    """Rejected rows of earlier batches that would come into the table, by dataset."""
    resolved: dict[str, int]
    """Rejected rows of earlier batches whose key would have a newer, accepted row, by dataset."""
    differing: dict[str, int]
    """Of the duplicates, rows that differ from the row that would be taken, where no version column tells which is
    right, by dataset."""
    rejected: list[RejectedReason]
    """Each reason for which rows would be rejected, with the first of its rows."""
    warnings: dict[str, dict[str, int]]
    """Rows that would be loaded although they break a rule of severity warning, by dataset and rule."""
    files: list[FileReport]
    """Each file and sheet; `loaded` is one that would be loaded."""


Report = LoadReport | NoBatch
"""What `lakehouse load --json` prints."""
