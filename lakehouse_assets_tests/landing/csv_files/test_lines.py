from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.landing.csv_files.lines import csv_line

TEXTS = st.text(st.one_of(st.sampled_from(',"\r\n a'), st.characters(exclude_categories=["Cs"])), max_size=6)


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (["a", "", "b c"], "a,,b c\n"),
        (["a,b", "c"], '"a,b",c\n'),
        (["a", 'b "c"'], 'a,"b ""c"""\n'),
        (["a\nb", "c\rd"], '"a\nb","c\rd"\n'),
        ([""], '""\n'),
    ],
)
def test_a_cell_is_quoted_only_if_it_would_be_read_as_something_else(cells: list[str], line: str) -> None:
    assert csv_line(cells) == line


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=4), max_size=4))
def test_records_are_read_back_as_they_were_written(records: list[list[str]]) -> None:
    text = io.StringIO("".join(map(csv_line, records)), newline="")
    assert list(csv.reader(text, strict=True)) == records
