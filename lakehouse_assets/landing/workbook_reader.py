"""Reads one workbook into a CSV file per sheet: a process of its own (see `workbooks`), bounded in memory and time by the kernel.

A reader of hostile files cannot be trusted to bound itself: one cell in the last row and column makes a table of 17 billion cells.
The process imports little, so that it starts quickly. It takes its job as JSON from stdin and answers with JSON on stdout.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetMetadata, SheetTypeEnum, SheetVisibleEnum

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.workbook_archive import Archive, Part, WorkbookLimits
from lakehouse_assets.landing.workbook_sheet import Budget, Conversion, DatasetColumns, SheetRows, convert_sheet

NO_WORKSHEET = {"ChartSheet": "a chart sheet", "DialogSheet": "a dialog sheet", "MacroSheet": "a macro sheet"}


def main() -> None:
    job = json.load(sys.stdin)
    limits = WorkbookLimits(**job["limits"])
    _bound(resource.RLIMIT_AS, limits.memory_bytes)
    _bound(resource.RLIMIT_CPU, limits.seconds)
    datasets = {
        told["dataset"]: DatasetColumns(told["dataset"], tuple(told["names"]), tuple(told["required_names"]), tuple(told["timestamps"]), told["allows_unknown"])
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


def convert(path: Path, datasets: dict[str, DatasetColumns], into: Path, limits: WorkbookLimits) -> list[dict[str, Any]]:
    """One entry for each sheet, in the workbook's order, with the fields of `workbooks.Sheet`. Raises BadData for the whole workbook."""
    budget = Budget(limits.max_bytes)
    with Archive(path, limits) as archive, _named_xlsx(path, into) as named:
        try:
            workbook = CalamineWorkbook.from_path(named)
            sheets, parts = workbook.sheets_metadata, archive.sheet_parts()
            if len(sheets) != len(parts):
                raise BadData(f"the workbook is damaged: it lists {len(parts)} sheets, of which {len(sheets)} can be read")
            entries = []
            for index, (sheet, part) in enumerate(zip(sheets, parts, strict=True)):
                target = into / f"sheet_{index + 1:03d}.csv"
                conversion = _convert_one(workbook, index, sheet, part, archive, datasets, target, budget)
                csv = str(target) if conversion.dataset else None
                hidden = sheet.visible != SheetVisibleEnum.Visible
                entries.append({"index": index, "name": sheet.name, "hidden": hidden, "csv": csv, **asdict(conversion)})
        except CalamineError as error:
            raise BadData(f"the workbook is damaged; its reader says: {error}") from error
    return entries


@contextmanager
def _named_xlsx(path: Path, into: Path) -> Iterator[Path]:
    """The workbook under a name that calamine takes for what it is. (Told to find out, it hides what is wrong with it.)"""
    link = into / "workbook.xlsx"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    try:
        yield link
    finally:
        link.unlink()


def _convert_one(
    workbook: CalamineWorkbook,
    index: int,
    sheet: SheetMetadata,
    part: Part | None,
    archive: Archive,
    datasets: dict[str, DatasetColumns],
    target: Path,
    budget: Budget,
) -> Conversion:
    if part is None or sheet.typ != SheetTypeEnum.WorkSheet:
        kind = str(sheet.typ).rpartition(".")[2]
        return Conversion(reason=f"{NO_WORKSHEET.get(kind, 'a sheet of another kind')}: it has no rows")
    return convert_sheet(SheetRows(workbook.get_sheet_by_index(index), part, archive), datasets, target, budget)


if __name__ == "__main__":
    main()
