"""Converts Excel workbooks to CSV files: one for each sheet that fits a dataset. Every other sheet is reported with the
reason.

Another process reads the workbook (`reader`), so that neither a damaged nor a hostile workbook can use up the memory or
time of this one.
"""

from __future__ import annotations

import builtins
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lakehouse_assets.contracts import Contract, Contracts, Kind
from lakehouse_assets.errors import BadData, LakehouseError, TemporaryOutage
from lakehouse_assets.landing.workbooks.archive import WorkbookLimits

__all__ = ["Sheet", "WorkbookLimits", "convert_sheets", "convert_workbook"]


@dataclass(frozen=True)
class Sheet:
    """The outcome of one sheet. If `dataset` is None, it was not converted; `reason` says why.

    Its rows are those above its header (a warning says how many), the header, `rows` and `skipped_blank_rows`.
    """

    index: int
    name: str
    hidden: bool
    dataset: str | None
    reason: str | None
    rows: int
    csv: Path | None
    skipped_blank_rows: int
    warnings: tuple[str, ...] = ()


def convert_workbook(
    path: Path,
    contracts: Contracts,
    into: Path,
    limits: WorkbookLimits = WorkbookLimits(),  # noqa: B008 - frozen
) -> tuple[Sheet, ...]:
    """Every sheet of an .xlsx workbook, in its order. Those that fit a dataset are written to CSV files in `into`.

    into: a folder for this workbook alone, because the files are named only by the sheets' positions. After an error it
    may contain some of them.

    Raises BadData if the workbook cannot be read (the message is the reason to quarantine it). Raises TemporaryOutage
    if the reading process was killed, and LakehouseError for other faults of this machine, such as a full disk: then
    nothing is wrong with the workbook.
    """
    return _converted(path, contracts.values(), into, limits)


def convert_sheets(path: Path, into: Path) -> tuple[Sheet, ...]:
    """As `convert_workbook`, but without contracts: every sheet that has a header is written."""
    return _converted(path, (), into, WorkbookLimits())


def _converted(path: Path, contracts: Iterable[Contract], into: Path, limits: WorkbookLimits) -> tuple[Sheet, ...]:
    into.mkdir(parents=True, exist_ok=True)
    job = {
        "path": str(path.resolve()),
        "into": str(into.resolve()),
        "limits": asdict(limits),
        "datasets": [
            {
                "dataset": contract.dataset,
                "file_names": contract.file_names,
                "required_names": contract.required_names,
                "timestamps": [column.name for column in contract.columns if column.kind == Kind.TIMESTAMP],
                "allows_unknown": contract.allows_unknown,
                "aliases": contract.aliases,
                "forms": {column.name: asdict(column.written) for column in contract.columns if column.written},
            }
            for contract in contracts
        ],
    }
    answer = _read_in_bounded_process(job, limits)
    if "problem" in answer:
        raise BadData(answer["problem"])
    return tuple(
        Sheet(**{**sheet, "csv": Path(sheet["csv"]) if sheet["csv"] else None, "warnings": tuple(sheet["warnings"])})
        for sheet in answer["sheets"]
    )


def _read_in_bounded_process(job: dict[str, Any], limits: WorkbookLimits) -> dict[str, Any]:
    imports = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    try:
        reader = subprocess.run(
            [sys.executable, "-P", "-m", "lakehouse_assets.landing.workbooks.reader"],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=limits.seconds,
            env={**os.environ, "PYTHONPATH": imports, "PYTHONUTF8": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadData(f"the workbook takes more than {limits.seconds:,} seconds to read, the limit") from error
    if reader.returncode == 0:
        answer: dict[str, Any] = json.loads(reader.stdout)
        return answer
    raise _failure(reader.returncode, reader.stderr, limits)


def _failure(code: int, stderr: str, limits: WorkbookLimits) -> LakehouseError:
    """Distinguishes a workbook that crashes its reader from a fault of the machine: only the former is BadData."""
    if code == -signal.SIGXCPU:
        return BadData(f"the workbook takes more than {limits.seconds:,} seconds to read, the limit")
    if "memory allocation of" in stderr or "MemoryError" in stderr:
        return BadData(f"the workbook needs more than {limits.memory_bytes:,} bytes of memory, the limit")
    if code < 0 and code not in (-signal.SIGABRT, -signal.SIGSEGV):
        return TemporaryOutage(
            f"Reading a workbook was ended by {signal.Signals(-code).name}, perhaps for want of memory. Run it again."
        )
    last = stderr.strip().splitlines()[-1][:300] if stderr.strip() else f"exit code {code}"
    raised = getattr(builtins, last.partition(":")[0], None)
    if "No module named" in last or (isinstance(raised, type) and issubclass(raised, OSError)):
        return LakehouseError(f"Reading a workbook failed on this machine, not because of the workbook: {last}")
    return BadData(f"the workbook is damaged: its reader fails on it ({last})")
