"""Which of a file's first records is its header: reports have lines of title above it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from lakehouse_assets.landing.csv_files.first_records import FirstRecord
from lakehouse_assets.landing.routing import Columns, missing, shared


def find_header(read: list[list[FirstRecord]], columns_of: Callable[[tuple[str, ...]], Columns | None]) -> FirstRecord:
    """The first record that has all required columns of the dataset it is held against (`columns_of`), by the delimiter
    that gives most of its columns.

    If there is none: the record that shares most columns with its dataset, the first of equals.
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
    """To follow the reason why a header fits no dataset."""
    return f"(row {header.row}{'' if header.above else ', the first that is not blank,'} was taken for the header)"


def titles_problem(header: FirstRecord, columns: Columns) -> str | None:
    """Lines of title are left out; rows of data above the header are not: a file that someone sorted with its header
    may have some.

    A row of data fills the required columns. Where one column is required, a title with two fields may be one.
    """
    like_data = max(len(columns.required_names), min(2, len(header.cells)))
    if any(filled >= like_data for filled in header.above):
        return (
            f"has its header in row {header.row}, and above it a row that may be data: move the header to the top, or"
            " delete what stands above it"
        )
    return None
