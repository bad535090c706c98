"""Reads one workbook into a CSV file per sheet: a process of its own (see `workbooks`), bounded in memory and time by
the kernel.

A reader of hostile files cannot be trusted to bound itself: one cell in the last row and column makes a table of 17
billion cells. The process imports little, so that it starts quickly. It takes its job as JSON from stdin and answers
with JSON on stdout.
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
from lakehouse_assets.landing.workbooks.sheet import Budget, Conversion, DatasetColumns, SheetRows, convert_sheet


def main() -> None:
    job = json.load(sys.stdin)
    limits = WorkbookLimits(**job["limits"])
    _bound(resource.RLIMIT_AS, limits.memory_bytes)
    _bound(resource.RLIMIT_CPU, limits.seconds)
    datasets = {
        told["dataset"]: DatasetColumns(
            told["dataset"],
            tuple(told["names"]),
            tuple(told["required_names"]),
            tuple(told["timestamps"]),
            told["allows_unknown"],
        )
        for told in job["datasets"]
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
    with suppress(ValueError):  # macOS refuses to set RLIMIT_AS; the archive's limits hold there all the same
        resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def convert(
    path: Path, datasets: dict[str, DatasetColumns], into: Path, limits: WorkbookLimits
) -> list[dict[str, Any]]:
    """One entry for each sheet, in the workbook's order, with the fields of `workbooks.Sheet`. Raises BadData for the
    whole workbook.
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
                conversion = convert_sheet(
                    _rows(workbook, index, sheet.part, archive, into), datasets, target, budget, sheet.name
                )
            csv = str(target) if conversion.dataset else None
            entries.append(
                {"index": index, "name": sheet.name, "hidden": sheet.hidden, "csv": csv, **asdict(conversion)}
            )
    return entries


@contextmanager
def _named_xlsx(path: Path, into: Path) -> Iterator[Path]:
    """The workbook under a name that calamine takes for what it is. (Told to find out, it hides what is wrong with
    it.)
    """
    link = into / "workbook.xlsx"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    try:
        yield link
    finally:
        link.unlink()


def _opened(archive: Archive, path: Path) -> CalamineWorkbook | None:
    """None where calamine would read other parts than were checked, or none: it opens no workbook of which one listed
    sheet has no part.
    """
    if not archive.is_usual:
        return None
    with suppress(CalamineError):
        workbook = CalamineWorkbook.from_path(path)
        if len(workbook.sheet_names) == len(archive.sheets):
            return workbook
    return None


def _rows(workbook: CalamineWorkbook | None, index: int, part: Part, archive: Archive, into: Path) -> SheetRows:
    """A sheet's rows: as calamine reads them, or where it breaks on the sheet or misreads it, as it reads a copy
    without those cells.
    """
    special = cache(lambda: archive.second_look(part))
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
