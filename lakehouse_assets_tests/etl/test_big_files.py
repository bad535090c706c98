"""Files larger than an engine's blocks: what stands at a border between two of them is read as it is everywhere else.

DuckDB cuts a file at each 8,000,000 bytes for its threads, and at each 32,000,000 for its memory. All rows have 320
bytes, so that all borders fall at the same place of a row; the first row's length says at which. With the files here it
lost 85,000 of 110,001 rows, put line feeds into values, or raised.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.etl.notes import expected, notes_contract, outcome, records
from lakehouse_assets_tests.etl.support import Given, House

LENGTH = 320
ROWS = 110_000


@pytest.fixture
def notes(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path, notes_contract(tmp_path))


def bordered(newline: str, shift: int, row: Callable[[str, str], str], filler: str = "a") -> str:
    """A text of 35 MB whose borders fall `shift` bytes before a row's end. row: a line of a filler and a number,
    without its end.
    """
    header = f"one,two,number{newline}"
    first = f"{'p' * (LENGTH - len(header) - len(f',b,x{newline}') + shift)},b,x{newline}"
    width = LENGTH - len(row("", "0000000") + newline)
    fill = (filler * width)[:width]
    return header + first + "".join(row(fill, f"{number:07d}") + newline for number in range(1, ROWS + 1))


BORDERED: dict[str, Callable[[], str]] = {
    "quotes with a comma before the last": lambda: bordered("\r\n", 1, lambda fill, number: f'"{fill},","b,",{number}'),
    "a blank line after each row": lambda: bordered("\r\n\r\n", 2, lambda fill, number: f'{fill},"b",{number}'),
    "rows inside quotes": lambda: bordered("\n", -9, lambda fill, number: f'"{fill}","b,",{number}', "1,2,3\n"),
    "no quotes": lambda: bordered(
        "\r\n", 1, lambda fill, number: f"{fill},b,{number if number[-4:] != '5000' else 'x'}"
    ),
}


@pytest.mark.parametrize("case", BORDERED)
def test_rows_at_a_border_are_rows_like_others(notes: House, case: str) -> None:
    text = BORDERED[case]()
    rows = [[number, one, two] for one, two, number in records(text)]
    table, rejected = expected(("big.csv", rows))
    found, raws = outcome(notes, Given("big.csv", text))
    assert len(found) == len(table) >= ROWS - 11
    assert found == table
    assert raws == rejected


def test_a_packed_file_of_many_blocks_is_read_as_if_it_were_not(notes: House) -> None:
    text = BORDERED["no quotes"]()
    rows = [[number, one, two] for one, two, number in records(text)]
    assert outcome(notes, Given("big.csv", gzip.compress(text.encode(), 1))) == expected(("big.csv", rows))
