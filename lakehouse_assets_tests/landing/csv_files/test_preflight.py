import csv
import gzip
import io
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.landing.csv_files import records
from lakehouse_assets.landing.csv_files import unpacking as arriving
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.csv_files.preflight import Limits, Preflight, preflight
from lakehouse_assets_tests.landing.csv_files.support import (
    CONTRACT,
    GOOD,
    GZIPPED_HEADER,
    HEADER,
    ROW,
    TAKEN,
    Look,
    problem,
)


def test_a_clean_file_has_no_problem(look: Look) -> None:
    found = look(GOOD)
    dialect = Dialect(CONTRACT.names, ",", "none", regular=True, quoted=False, multiline=False)
    assert found == Preflight(dialect=dialect, newline="\n", sha256=found.sha256, size=len(GOOD))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n  \r\n",
        HEADER,
        HEADER + b"\n",
        b"\xef\xbb\xbf" + HEADER + b"\r\n\r\n \r\n",
        gzip.compress(b"", mtime=0),
        GZIPPED_HEADER,
        b"\n" * (3 << 20),
    ],
    ids=[
        "no bytes",
        "blank lines",
        "header",
        "header line",
        "header and blank lines",
        "gzip of nothing",
        "gzip of a header",
        "3 MB of blank lines",
    ],
)
def test_a_file_without_rows_is_empty_and_no_problem(look: Look, content: bytes) -> None:
    found = look(content)
    assert (found.problem, found.empty) == (None, True)


def test_a_row_far_behind_blank_lines_is_found(look: Look) -> None:
    found = look(HEADER + b"\n" * (3 << 20) + ROW)
    assert (found.problem, found.empty) == (None, False)


def test_a_header_is_mapped_by_name_whatever_its_order_case_spaces_or_mark(look: Look) -> None:
    found = look(b"\xef\xbb\xbf Product_Name ,DEPARTMENT,department_id\t,PRODUCT_ID\nAtlas,Books,2,1\n")
    assert (found.problem, found.dialect.header) == (
        None,
        ("product_name", "department", "department_id", "product_id"),
    )


def test_blank_lines_and_rows_of_empty_cells_before_the_header_are_skipped_and_counted(look: Look) -> None:
    found = look(b"\n  \r\n,,,\n" + GOOD)
    assert (found.problem, found.dialect.header, found.dialect.skipped_lines, found.empty) == (
        None,
        CONTRACT.names,
        3,
        False,
    )


def test_a_missing_required_column_is_named(look: Look) -> None:
    assert (
        problem(look(b"product_id,department\n1,Books\n"))
        == "lacks required columns of products: department_id, product_name" + TAKEN
    )


def test_a_repeated_column_is_named(look: Look) -> None:
    repeated = problem(look(HEADER + b",Department\n1,2,Books,Atlas,Toys\n"))
    assert repeated == 'has more than one column named: department ("department", "Department")'


def test_a_file_without_a_header_is_set_aside_and_its_values_are_not_told(look: Look) -> None:
    found = look(b"1,2,Books,jane@example.com\n3,4,Toys,Puzzle\n")
    assert problem(found).startswith("has no header")
    assert "jane" not in problem(found)
    assert found.extra_columns == ()


def test_an_extra_column_is_loaded_and_named_by_its_place_if_it_has_no_name(look: Look) -> None:
    found = look(HEADER + b",Note,\n" + ROW + b",hello,there\n")
    assert (found.problem, found.dialect.header, found.extra_columns) == (
        None,
        (*CONTRACT.names, "note", "column_6"),
        ("note", "column_6"),
    )


@pytest.mark.parametrize("rows", [ROW + b"\n", ROW + b",\n" + ROW + b" \n", b""])
def test_delimiters_at_the_end_of_the_header_make_no_column_where_no_row_has_one(look: Look, rows: bytes) -> None:
    found = look(HEADER + b",, \n" + rows)
    assert (found.problem, found.dialect.header, found.extra_columns) == (None, CONTRACT.names, ())


def test_compression_is_told_by_the_content_not_by_the_name(look: Look) -> None:
    assert (
        look(gzip.compress(GOOD), "products.csv").dialect.compression,
        look(GOOD, "products.csv.gz").dialect.compression,
    ) == (
        "gzip",
        "none",
    )
    assert look(gzip.compress(GOOD)).dialect.header == look(GOOD, "products.csv.gz").dialect.header == CONTRACT.names


def test_gzip_of_several_members_and_with_padding_is_one_file(look: Look) -> None:
    found = look(
        gzip.compress(HEADER + b"\n")
        + gzip.compress(b'1,2,"Bo')
        + gzip.compress(b'oks\nand more",Atlas\n')
        + b"\0" * 512
    )
    assert (found.problem, found.dialect.multiline, found.empty, found.padded) == (None, True, False, True)
    assert not look(gzip.compress(HEADER + b"\n") + gzip.compress(b"1,2,Books,Atlas\n")).padded
    assert look(gzip.compress(HEADER + b"\n") + b"\0" * 9 + gzip.compress(b"1,2,Books,Atlas\n")).padded


@pytest.mark.parametrize("cut", [5, 15, -9, -8, -1])
def test_gzip_that_is_cut_off_is_set_aside(look: Look, cut: int) -> None:
    assert "is cut off" in problem(look(gzip.compress(GOOD * 100)[:cut]))


def test_gzip_with_a_wrong_checksum_or_rubbish_behind_it_is_set_aside(look: Look) -> None:
    packed = gzip.compress(GOOD)
    assert "is damaged" in problem(look(packed[:-8] + b"\1\2\3\4" + packed[-4:]))
    assert "is damaged" in problem(look(packed + b"rubbish"))


def test_a_decompression_bomb_is_left_after_a_few_megabytes(look: Look) -> None:
    bomb = gzip.compress(HEADER + b"\n" + b"1,2,x,y\n" * (25 << 20))
    tracemalloc.start()
    found = look(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "looks like a decompression bomb" in problem(found)
    assert peak < 16 << 20


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_above_the_limit_is_set_aside(look: Look, pack: Callable[[bytes], bytes]) -> None:
    assert "more than 1,000 bytes" in problem(look(pack(GOOD * 100), limits=Limits(max_bytes=1000))).replace(
        "is larger than", "more than"
    )


def test_latin_1_is_set_aside_with_the_place_of_the_byte(look: Look) -> None:
    content = HEADER + b"\n" + "1,2,Bücher,Atlas\n".encode("latin-1")
    assert f"is not UTF-8: byte 0xFC at offset {content.index(0xFC)} " in problem(look(content))


def test_one_wrong_byte_at_the_end_of_a_large_file_is_found(look: Look) -> None:
    content = GOOD * 100_000 + "é".encode() + b"\xe9"
    assert f"byte 0xE9 at offset {len(content) - 1:,} (unexpected end of data)" in problem(look(content))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_and_32_are_called_by_their_name(look: Look, encoding: str) -> None:
    name = encoding[:6].upper()
    assert f"is {name}" in problem(look(GOOD.decode().encode(encoding)))


def test_nul_bytes_in_a_text_are_no_encoding_problem(look: Look) -> None:
    assert look(HEADER + b"\n1,2,\0\0\0\0,\0Atlas\n").problem is None
    assert look(HEADER + b'\n1,2,"\0",\0Atlas\n').problem is None


def test_quotes_doubled_quotes_and_commas_in_them_are_read(look: Look) -> None:
    found = look(HEADER + b'\n1,2,"Books, used","The ""Atlas"""\n')
    assert (found.problem, found.dialect.quoted, found.dialect.multiline) == (None, True, False)


def test_line_breaks_in_quotes_are_seen_and_do_not_count_as_the_files_line_ends(look: Look) -> None:
    found = look(b'product_id,department_id,department,product_name\r\n1,2,"Books\nand more",Atlas\r\n')
    assert (found.problem, found.dialect.quoted, found.dialect.multiline, found.newline) == (None, True, True, "\r\n")


def test_a_header_with_quoted_names_is_read(look: Look) -> None:
    found = look(b'"product_id";"department_id";"department";"product_name"\n"1";"2";"Books";"Atlas"\n')
    assert (found.problem, found.dialect.header, found.dialect.delimiter) == (None, CONTRACT.names, ";")


def test_a_quote_inside_an_unquoted_field_is_text(look: Look) -> None:
    found = look(HEADER + b'\n1,2,Parts,5" disk\n2,2,Parts,a "good" disk\n')
    assert (found.problem, found.dialect.quoted) == (None, True)


def test_a_quote_that_is_never_closed_is_named_by_its_record_and_line(look: Look) -> None:
    found = look(HEADER + b'\n1,2,"Books\nand more",Atlas\n\n2,2,"Books,Globe\n3,2,Books,Map\n')
    assert (
        problem(found) == "cannot be read from record 3 (it starts in line 5) on: a quote opened there is never closed"
    )


def test_text_after_a_closing_quote_is_named_by_its_record(look: Look) -> None:
    found = look(HEADER + b'\n1,2,Books,Atlas\n2,2,"Books" used,Globe\n')
    assert problem(found) == "cannot be read from record 3 (it starts in line 3) on: text follows a closing quote"


def test_a_quote_that_swallows_the_file_does_not_swallow_the_memory(look: Look) -> None:
    with mock.patch.object(records, "LONGEST_RECORD", 10_000):
        assert "record 2 (it starts in line 2) on: the record is longer than 10,000 characters" in problem(
            look(HEADER + b'\n1,2,"' + ROW * 10_000)
        )
        assert "record 2 " in problem(look(HEADER + b'\n1,2,"' + (ROW + b"\n") * 10_000))


def test_long_fields_are_fine_also_while_other_threads_read(look: Look, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.csv" for number in range(8)]
    for path in paths:
        path.write_bytes(HEADER + b'\n1,2,"Books, used",' + b"x" * (3 << 20) + b"\n")
    csv.field_size_limit(131_072)
    with ThreadPoolExecutor(4) as pool:
        assert [found.problem for found in pool.map(lambda path: preflight(path, CONTRACT), paths)] == [None] * 8


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_recognised(look: Look, delimiter: str) -> None:
    found = look(GOOD.replace(b",", delimiter.encode()))
    assert (found.problem, found.dialect.delimiter, found.dialect.header) == (None, delimiter, CONTRACT.names)


def test_another_delimiter_gives_a_problem_never_one_column(look: Look) -> None:
    assert "has no header" in problem(look(GOOD.replace(b",", b"^")))


def test_with_the_wrong_columns_the_delimiter_that_knows_most_of_them_tells_what_is_missing(look: Look) -> None:
    found = look(b"product_id;department_id;department;name, long\n")
    assert (problem(found), found.dialect.delimiter) == (
        "lacks required columns of products: product_name (it has instead: name, long)" + TAKEN,
        ";",
    )


@pytest.mark.parametrize(
    ("content", "newline"),
    [
        (GOOD, "\n"),
        (GOOD.replace(b"\n", b"\r\n"), "\r\n"),
        (GOOD.replace(b"\n", b"\r"), "\r"),
        (GOOD.replace(b"\n", b"\r\n") + ROW + b"\n", "mixed"),
        (HEADER, "\n"),
        (HEADER + b'\n"1",2,3,4\r\n', "mixed"),
        (HEADER + b'\r"1",2,3,4\r', "\r"),
    ],
)
def test_line_ends_are_told(look: Look, content: bytes, newline: str) -> None:
    found = look(content)
    assert (found.problem, found.dialect.header, found.newline, found.empty) == (
        None,
        CONTRACT.names,
        newline,
        content == HEADER,
    )


def test_blank_lines_in_the_middle_and_at_the_end_are_no_problem(look: Look) -> None:
    assert look(GOOD + b"\n\n" + ROW + b"\n\n\n").problem is None
    assert look(GOOD + b'\n\n"3",4,x,y\n\n\n').problem is None


def test_rows_that_are_set_aside_are_counted_where_the_text_can_be_read(look: Look) -> None:
    assert look(b"product_id,department\n1,a\n\n,,\n2,b\n").rows_aside == 2
    assert look(b'product_id,department\n1,"a\nb"\n2,b').rows_aside == 2
    assert look(b"1,2,Books,Atlas\n3,2,Books,Globe\n").rows_aside == 2, "the first row is not a header"
    assert look(HEADER + b"\n" + ROW + b'\n2,2,"Books,Globe\n3,2,x,y').rows_aside == 3, "an open quote: lines"
    assert look(HEADER + b"\n1,2,B\xfccher,Atlas\n").rows_aside is None
    assert look(GOOD).rows_aside is None


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("blank", [b",,,", b" ", b"\t", b" , ,\xc2\xa0,", b",,,,,,,"])
def test_blank_rows_are_found_and_counted_wherever_the_text_is_cut(look: Look, blank: bytes, piece: int) -> None:
    with mock.patch.object(arriving, "CHUNK", piece):
        for end in (b"\n", b"\r\n"):
            found = look((HEADER + b"\n" + blank + b"\n\n" + ROW + b"\n" + blank + b"\n" + blank).replace(b"\n", end))
            assert (found.problem, found.empty, found.notes) == (None, False, ("blank rows, left out: 3",))
        assert look(GOOD + b"2,,,Atlas\n,2,Books,\n\n").notes == ()


def test_lines_above_the_header_are_skipped_as_far_as_they_cannot_be_rows(look: Look) -> None:
    titles = b"Products\nby,Jane\n" * 9
    assert look(titles + GOOD).notes == ("the header is in row 19; 18 rows above it were skipped",)
    assert problem(look(titles * 2 + GOOD)).startswith("has no header"), "it is looked for in the first 20 rows"
    assert "a row that may be data" in problem(look(ROW + b"\n" + GOOD))
    assert "jane" not in problem(look(titles * 2 + GOOD)).lower()


def test_a_problem_at_the_start_still_gives_the_hash_of_the_whole_file(look: Look) -> None:
    assert "is not UTF-8" in problem(look(b"\xe9" + GOOD * 200_000))


texts = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(max_examples=300, deadline=None)
@given(
    names=st.permutations(CONTRACT.names),
    rows=st.lists(st.lists(texts, min_size=4, max_size=4), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    packed=st.booleans(),
    piece=st.sampled_from([2, 3, 7, 1 << 20]),
)
def test_whatever_the_csv_module_writes_is_read_with_its_header(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    rows: list[list[str]],
    delimiter: str,
    newline: str,
    quoting: Literal[0, 1],
    packed: bool,
    piece: int,
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows([names, *rows])
    content = text.getvalue().encode()
    path = tmp_path_factory.mktemp("csv") / "products.csv"
    path.write_bytes(gzip.compress(content) if packed else content)
    with mock.patch.object(arriving, "CHUNK", piece):
        found = preflight(path, CONTRACT)
    assert (found.problem, found.dialect.header, found.dialect.delimiter, found.dialect.compression) == (
        None,
        tuple(names),
        delimiter,
        "gzip" if packed else "none",
    )
    assert found.dialect.quoted == ('"' in text.getvalue())
    assert found.newline == newline or "\r" in "".join(map("".join, rows))
    assert quoting == csv.QUOTE_MINIMAL or found.dialect.multiline == any(
        "\n" in cell or "\r" in cell for row in rows for cell in row
    )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | texts.map(str.encode), st.sampled_from([1, 2, 5, 1 << 20]))
def test_utf_8_is_what_python_decodes_wherever_a_character_is_cut(
    tmp_path_factory: pytest.TempPathFactory, rest: bytes, piece: int
) -> None:
    content = GOOD + rest
    try:
        content.decode()
        bad_byte = None
    except UnicodeDecodeError as error:
        bad_byte = error.start
    path = tmp_path_factory.mktemp("utf8") / "products.csv"
    path.write_bytes(content)
    with mock.patch.object(arriving, "CHUNK", piece):
        found = preflight(path, CONTRACT)
    assert ("is not UTF-8" in (found.problem or "")) == (bad_byte is not None)
    assert bad_byte is None or f"at offset {bad_byte} " in problem(found)
