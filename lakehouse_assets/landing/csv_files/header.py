"""Finds the header among a file's first records: reports have lines of title above it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from lakehouse_assets.landing.csv_files.first_records import FirstRecord
from lakehouse_assets.landing.routing import Columns, missing, shared


def find_header(read: list[list[FirstRecord]], columns_of: Callable[[tuple[str, ...]], Columns | None]) -> FirstRecord:
    """The first record that has all required columns of the dataset that it is compared with (`columns_of`), read with
    the delimiter that gives most of its columns.

    If there is none, the record that shares most columns with its dataset; of several, the first.
    """
    for same_place in zip_longest(*read):
        complete = [
            record
            for record in same_place
            if record and (columns := columns_of(record.cells)) and not missing(record.cells, columns)
        ]
        if complete:
            return max(complete, key=lambda record: _known(record, columns_of))
    return max((record for records in read for record in records), key=lambda record: _known(record, columns_of))


def _known(record: FirstRecord, columns_of: Callable[[tuple[str, ...]], Columns | None]) -> tuple[int, int, int]:
    columns = columns_of(record.cells)
    return shared(record.cells, columns) if columns else 0, -len(record.above), len(record.cells)


def taken_for_header(header: FirstRecord) -> str:
    """A remark that follows the reason why a header fits no dataset."""
    return f"(row {header.row}{'' if header.above else ', the first that is not blank,'} was taken for the header)"


def titles_problem(header: FirstRecord, columns: Columns) -> str | None:
    """The problem that rows above the header may be data, or None. Lines of title are skipped, but rows of data must
    not be; a file has some above its header if someone sorted it together with the header.

    A row counts as data if it fills as many fields as there are required columns, and at least two.
    """
    like_data = max(len(columns.required_names), min(2, len(header.cells)))
    if any(filled >= like_data for filled in header.above):
        return (
            f"has its header in row {header.row}, and above it a row that may be data: move the header to the top, or"
            " delete what stands above it"
        )
    return None
