"""Any table of texts that Python's csv module writes is read as Python's csv module reads it: every cell, every row,
every row's number.
"""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, settings
from hypothesis import given as for_any
from hypothesis import strategies as st

from lakehouse_assets.contracts import Contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.etl.notes import COLUMNS, differing_files, expected, notes_contract, outcome, records
from lakehouse_assets_tests.etl.support import Given, House

ATOMS = [
    "a",
    "1",
    " ",
    "  ",
    '"',
    '""',
    ",",
    ";",
    "\t",
    "|",
    "\n",
    "\r\n",
    "\r",
    "é",
    "\u2028",
    "\x85",
    "\x0b",
    "\x00",
    "\u202e",
    "\ufeff",
    "\\",
    "'",
    "#",
    "NULL",
]
CELL = st.one_of(
    st.lists(st.sampled_from(ATOMS), max_size=4).map("".join), st.text(st.characters(codec="utf-8"), max_size=5)
)
BODY = st.lists(
    st.one_of(st.tuples(CELL, CELL), st.tuples(CELL, CELL), st.lists(CELL, min_size=1, max_size=5)), max_size=5
)


SPARKS_EXAMPLES = 150
"""Each is up to three files; all are one load."""


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    return notes_contract(tmp_path_factory.mktemp("contract"))


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A delimiter, and the texts of one to three files. Before two cells comes a number (a sound row) or an x (a
    rejected one).
    """
    delimiter = draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    texts: list[str] = []
    for place in range(draw(st.integers(1, 3))):
        newline = draw(st.sampled_from(["\n", "\r\n"]))
        out = io.StringIO()
        writer = csv.writer(
            out,
            delimiter=delimiter,
            lineterminator=newline,
            quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        )
        writer.writerow(COLUMNS)
        for number, cells in enumerate(draw(BODY)):
            out.write(newline * draw(st.sampled_from([0, 0, 0, 1, 2])))
            writer.writerow(
                [draw(st.sampled_from([f"{place}{number}", f"{place}{number}", "x"])), *cells]
                if isinstance(cells, tuple)
                else cells
            )
        text = out.getvalue()
        texts.append(draw(st.sampled_from(["", "", "\ufeff"])) + (text if draw(st.booleans()) else text.rstrip("\r\n")))
    return delimiter, texts


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
@for_any(files(), st.booleans())
@example((",", ['number,one,two\n1, "a",b\n2,", ","""c"\n']), False)
@example((",", ["number,one,two\r\n1,a,b\r\n\r\n2,c\r\nx,d,e"]), True)
def test_any_table_of_texts_is_read_as_python_reads_it(
    embedded: Engine, notes: Contracts, drawn: tuple[str, list[str]], packed: bool
) -> None:
    delimiter, texts = drawn
    with tempfile.TemporaryDirectory() as folder:
        house = House(embedded, Path(folder), notes)
        contents = [gzip.compress(text.encode()) if packed else text for text in texts]
        found = outcome(
            house, *(Given(f"{place}.csv", content, delimiter=delimiter) for place, content in enumerate(contents))
        )
        assert found == expected(*((f"{place}.csv", records(text, delimiter)) for place, text in enumerate(texts)))


@pytest.mark.spark
def test_any_tables_of_texts_are_read_by_spark_as_python_reads_them(
    spark: Engine, notes: Contracts, tmp_path: Path
) -> None:
    examples: list[tuple[str, str, bool]] = []

    @settings(deadline=None, max_examples=SPARKS_EXAMPLES, suppress_health_check=[HealthCheck.too_slow], database=None)
    @for_any(files(), st.booleans())
    def collect(drawn: tuple[str, list[str]], packed: bool) -> None:
        delimiter, texts = drawn
        examples.extend((delimiter, text, packed) for text in texts)

    collect()
    assert len(examples) > SPARKS_EXAMPLES
    given = [
        Given(f"{place:04}.csv", gzip.compress(text.encode()) if packed else text, delimiter=delimiter)
        for place, (delimiter, text, packed) in enumerate(examples)
    ]
    found = outcome(House(spark, tmp_path, notes), *given)
    wanted = expected(
        *((f"{place:04}.csv", records(text, delimiter)) for place, (delimiter, text, _) in enumerate(examples))
    )
    assert {name: examples[int(name[:4])] for name in differing_files(found, wanted)} == {}
