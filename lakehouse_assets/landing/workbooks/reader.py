"""Reads one workbook into a CSV file per sheet. It runs in a separate process (see `convert`), whose memory and time
the kernel limits.

A reader of hostile files cannot limit itself: one cell in the last row and column makes a table of 17 billion cells.
The process imports little, so that it starts quickly. It reads its job as JSON from stdin and writes its result as JSON
to stdout.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.workbooks.archive import Archive, WorkbookLimits
from lakehouse_assets.landing.workbooks.copy import write_copy
from lakehouse_assets.landing.workbooks.scan import Part
from lakehouse_assets.landing.workbooks.sheet import (
    Budget,
    Conversion,
    DatasetColumns,
    SheetRows,
    convert_sheet,
    own_columns,
)
from lakehouse_assets.written import WrittenForm


def main() -> None:
    job = json.load(sys.stdin)
    limits = WorkbookLimits(**job["limits"])
    _bound(resource.RLIMIT_AS, limits.memory_bytes)
    _bound(resource.RLIMIT_CPU, limits.seconds)
    datasets = {
        columns["dataset"]: DatasetColumns(
            columns["dataset"],
            tuple(columns["file_names"]),
            tuple(columns["required_names"]),
            tuple(columns["timestamps"]),
            columns["allows_unknown"],
            tuple((alias, name) for alias, name in columns["aliases"]),
            {name: WrittenForm(**form) for name, form in columns["forms"].items()},
        )
        for columns in job["datasets"]
    }
    answer: dict[str, Any]
    try:
        answer = {"sheets": convert(Path(job["path"]), datasets, Path(job["into"]), limits)}
    except BadData as problem:
        answer = {"problem": str(problem)}
    except MemoryError:
        answer = {"problem": f"the workbook needs more than {limits.memory_bytes:,} bytes of memory, the limit"}
    json.dump(answer, sys.stdout)


def _bound(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    with suppress(ValueError):  # macOS refuses to set RLIMIT_AS; the archive's limits still apply there
        resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def convert(
    path: Path, datasets: dict[str, DatasetColumns], into: Path, limits: WorkbookLimits
) -> list[dict[str, Any]]:
    """One entry for each sheet, in the workbook's order, with the fields of `convert.Sheet`. Without datasets, each
    sheet is one of its own. Raises BadData if the workbook cannot be read.
    """
    budget = Budget(limits.max_bytes)
    entries = []
    with Archive(path, limits) as archive, _named_xlsx(path, into) as named:
        workbook = _opened(archive, named)
        for index, sheet in enumerate(archive.sheets):
            target = into / f"sheet_{index + 1:03d}.csv"
            if sheet.part is None:
                conversion = Conversion(reason=sheet.reason)
            else:
                rows = _rows(workbook, index, sheet.part, archive, into)
                conversion = convert_sheet(rows, datasets or own_columns(rows), target, budget, sheet.name)
            csv = str(target) if conversion.dataset else None
            entries.append(
                {"index": index, "name": sheet.name, "hidden": sheet.hidden, "csv": csv, **asdict(conversion)}
            )
    return entries


@contextmanager
def _named_xlsx(path: Path, into: Path) -> Iterator[Path]:
    """A link to the workbook with a suffix that calamine knows. (If calamine has to detect the format, its error
    messages do not say what is wrong.)
    """
    link = into / "workbook.xlsx"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    try:
        yield link
    finally:
        link.unlink()


def _opened(archive: Archive, path: Path) -> CalamineWorkbook | None:
    """The workbook, opened by calamine. None if calamine would read other parts than were checked, or cannot open the
    workbook: it refuses one in which a listed sheet has no part.
    """
    if not archive.is_usual:
        return None
    with suppress(CalamineError):
        workbook = CalamineWorkbook.from_path(path)
        if len(workbook.sheet_names) == len(archive.sheets):
            return workbook
    return None


def _rows(workbook: CalamineWorkbook | None, index: int, part: Part, archive: Archive, into: Path) -> SheetRows:
    """A sheet's rows as calamine reads them. If it fails on the sheet or misreads it, then as it reads a copy without
    the cells concerned.
    """
    special = cache(lambda: archive.special_cells(part))
    if workbook is not None and not (part.suspicious and special().misread):
        with suppress(CalamineError):
            return SheetRows(workbook.get_sheet_by_index(index), part, special)
    copy = write_copy(archive, part.name, special(), into / "copy.xlsx")
    try:
        return SheetRows(
            CalamineWorkbook.from_path(copy).get_sheet_by_index(0), replace(part, suspicious=True), special
        )
    except CalamineError as error:
        raise BadData(f"the workbook is damaged; its reader says: {error}") from error
    finally:
        copy.unlink()


if __name__ == "__main__":
    main()
