"""Writes the sample workbooks: the same bytes each time, numbers as number cells, everything else as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from xlsxwriter import Workbook  # type: ignore[import-untyped]

from lakehouse_assets.contracts import Contract
from lakehouse_assets.contracts.model import NUMBERS

CREATED = datetime(2025, 4, 1, tzinfo=UTC)
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,15}([.][0-9]+)?\Z")
"""Excel stores 15 digits. A number in any other form would be read back as another text."""
NOT_IN_A_SHEET_NAME = re.compile(r"[\[\]:*?/\\]")
LONGEST_SHEET_NAME = 31


def write_workbook(path: Path, contract: Contract, sheets: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Writes a workbook. `sheets`: by name, the lines of each, header first. An empty text is an empty cell."""
    with Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as workbook:
        workbook.set_properties({"created": CREATED})
        for name, lines in sheets.items():
            sheet = workbook.add_worksheet(NOT_IN_A_SHEET_NAME.sub("_", name)[:LONGEST_SHEET_NAME])
            for row, line in enumerate(lines):
                for place, text in enumerate(line):
                    is_number = (
                        row > 0
                        and place < len(contract.file_columns)
                        and contract.file_columns[place].kind in NUMBERS
                        and PLAIN_NUMBER.match(text)
                    )
                    if is_number:
                        sheet.write_number(row, place, float(text))
                    elif text:
                        sheet.write_string(row, place, text)
