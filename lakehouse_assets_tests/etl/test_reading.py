"""Files as they come: every row and every cell is read as RFC 4180 has it, whichever way the engine takes, and a
rejected row says where it stood.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadData
from lakehouse_assets.etl.engines.base import Engine, Tables
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine
from lakehouse_assets_tests.etl.notes import expected, notes_contract, outcome, records
from lakehouse_assets_tests.etl.support import Given, House, csv_text, row, rows_file

HEADER = "number,one,two\n"


@pytest.fixture
def notes(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path, notes_contract(tmp_path))


TEXTS = {
    "plain": "1,a,b\n2,,\n3, ,  \n4, a , b \nx,c,d\n",
    "without a line break at the end": "1,a,b\n2,c,d",
    "CRLF": "1,a,b\r\n2,c,d\r\nx,e,f\r\n",
    "blank lines": "\n1,a,b\n\n\n2,c,d\n\nx,e,f\n\n\n",
    "CRLF and blank lines": "1,a,b\r\n\r\nx,c,d\r\n\r\n\r\n2,e,f\r\n\r\n",
    "line ends of all kinds": "1,a,b\r\n2,c,d\n3,e,f\rx,g,h\n",
    "carriage returns for line ends": "1,a,b\r2,c,d\rx,g,h\r",
    "quotes": '1,"a, b","say ""hi"""\n2,"",""""\n3," ",""" """\nx,"c, d","""e"""\n',
    "line breaks in quotes": '1,"a\nb","c\r\nd\r\n"\n2,"\n\n","\r"\nx,"e\n","\n\nf"\n3,g,h\n',
    "quotes in the middle": '1,a"b,c""d\n2,5" disk,"6"" disk"\nx,e"f,""\n',
    "spaces before quotes": '1, "a",b\n2,  "c, d\nx, "e","f"\n3,g, "h"\n',
    "spaces before quotes, of a row of its own": '1,a,b\n "2",c,d\n',
    "ragged": '1,a,b\n2\n3,c\n4,d,e,f\n5,g,h,i,"j,\nk"\n6,l,m\n  \n7,,,\nx,n,o\n',
    "ragged in the first row": "1\n2,a,b\n",
    "ragged in the last row": "1,a,b\n2,c",
    "NUL and other odd characters": (
        "1,a\x00b,\x01\n2,\x00,\x7f\nx,\x00,\x1f\n3,\u202ea,\u2028\n4,\x85,\x0b\x0c\nx\x00,\u2029\n5,\ufeff,\ufeffb\n"
    ),
    "backslashes": '1,\\,"\\"\n2,a\\,b\\n\nx,\\",c\n',
    "other delimiters in values": "1,a;b,c\td\n2,e|f,g\n",
    "comments and apostrophes": "1,#a,'b'\n#2,c,d\n",
    "words that readers take for nothing": "1,NULL,null\n2,None,NaN\n3,NA,\\N\n",
    "nothing": "",
    "only blank lines": "\n\n\n",
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_file_reads_as_its_writer_meant(embedded: Engine, tmp_path: Path, case: str) -> None:
    """Each by itself: this engine may read a file another way for its neighbours. Spark reads each file its own way; it
    has them all at once, below.
    """
    text = HEADER + TEXTS[case]
    assert outcome(House(embedded, tmp_path, notes_contract(tmp_path)), Given("f.csv", text)) == expected(
        ("f.csv", records(text))
    )


def test_files_of_one_batch_read_as_their_writers_meant(notes: House) -> None:
    """The numbers get the file's own before them: no row is another one's duplicate."""
    texts = {
        case: HEADER + re.sub(r'(^|[\r\n])( *"?)([0-9])', rf"\g<1>\g<2>{place}\3", text)
        for place, (case, text) in enumerate(TEXTS.items(), start=10)
    }
    assert outcome(notes, *(Given(f"{case}.csv", text) for case, text in texts.items())) == expected(
        *((f"{case}.csv", records(text)) for case, text in texts.items())
    )


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_read_as_such(notes: House, delimiter: str) -> None:
    text = csv_text(
        ("number", "one", "two"),
        [("1", "a, b", f"c{delimiter}d"), ("x", f"{delimiter}", ""), ("2", "e"), ("3", 'f"', "g\n")],
        delimiter=delimiter,
    )
    assert outcome(notes, Given("f.csv", text, delimiter=delimiter)) == expected(("f.csv", records(text, delimiter)))


def test_files_in_other_encodings_are_read_beside_those_in_utf_8(notes: House) -> None:
    texts = {
        encoding: HEADER + f'{place}1,Café {letters},"a\nb"\nx,É,{letters}\n{place}2,short\n{place}3,c,{letters}'
        for place, (encoding, letters) in enumerate(
            {
                "utf-8": "注文",
                "windows-1252": "€ „“",
                "iso-8859-15": "€",
                "iso-8859-1": "ß",
                "utf-16": "注文 👍",
            }.items()
        )
    }
    files = [
        Given(f"{encoding}.csv", packed(text.encode(encoding)), encoding=encoding)
        for packed in (bytes, gzip.compress)
        for encoding, text in texts.items()
    ]
    assert outcome(notes, *files) == expected(*((f"{encoding}.csv", records(text)) for encoding, text in texts.items()))


def test_many_files_of_many_shapes_are_one_batch(notes: House) -> None:
    """Sound, ragged, empty, gzipped (in one piece and in several), with a byte order mark: each row keeps its file and
    its number.
    """
    files: list[Given] = []
    texts: list[tuple[str, str]] = []
    for number in range(60):
        body = "".join(
            line.replace("1,", f"{number}1,", 1)
            for line in [
                f"1,first of {number},\n",
                "x,second,\n",
                *([] if number % 3 else ["short\n"]),
                f",last of {number},\n",
            ]
        )
        text = ("\ufeff" if number % 7 == 0 else "") + HEADER + ("" if number % 11 == 5 else body)
        content = text.encode()
        packed = [content, gzip.compress(content), gzip.compress(content[:20]) + gzip.compress(content[20:])][
            number % 3 if number % 2 else 0
        ]
        name = f"it's {number} [odd] *?%.csv"
        files.append(Given(name, packed))
        texts.append((name, text))
    assert outcome(notes, *files) == expected(*((name, records(text)) for name, text in texts))


def test_one_ragged_file_among_many_is_found_and_the_others_stay_whole(notes: House) -> None:
    texts = [
        (f"{number}.csv", HEADER + f"{number},a,b\n" + ("odd\n" if number == 37 else "") + f"x,{number},c\n")
        for number in range(100)
    ]
    table, rejected = outcome(notes, *(Given(name, text) for name, text in texts))
    assert (table, rejected) == expected(*((name, records(text)) for name, text in texts))
    assert rejected["37.csv", 2] == {"number": "odd"}
    assert notes.reasons("notes").count(["1 fields where the header has 3"]) == 1


def test_columns_in_another_order_and_extra_ones_are_mapped_by_name(notes: House) -> None:
    header = ("two", "_raw", "number", "quote's", "one")
    table, rejected = outcome(
        notes, rows_file("notes", ("b", "extra", "1", "", "a"), ("d", "more", "x", " ", "c"), ("e",), header=header)
    )
    assert table == {1: ("file.csv", "a", "b")}
    assert rejected == {
        ("file.csv", 2): {"two": "d", "_raw": "more", "number": "x", "quote's": " ", "one": "c"},
        ("file.csv", 3): {"two": "e"},
    }


def test_a_converted_sheets_own_verdict_rejects_the_row(notes: House) -> None:
    header = ("number", "one", "_malformed", "two")
    given = rows_file(
        "notes", ("1", "a", "", "b"), ("2", "c", "formula without a value in B3", "d"), ("3",), header=header
    )
    table, rejected = outcome(notes, given)
    assert table == {1: ("file.csv", "a", "b")}
    assert rejected == {("file.csv", 2): {"number": "2", "one": "c", "two": "d"}, ("file.csv", 3): {"number": "3"}}
    assert notes.reasons("notes") == [["formula without a value in B3"], ["1 fields where the header has 4"]]


def test_ragged_rows_say_how_many_fields_they_have(house: House) -> None:
    loaded = house.load(
        "products", "b1", rows_file("products", ("1", "2"), row("products"), (*row("products"), "more", ""))
    )
    assert loaded.counts == {"read": 3, "inserted": 1, "rejected": 2}
    assert house.reasons("products") == [["2 fields where the header has 4"], ["6 fields where the header has 4"]]
    assert house.rejects("products")[1]["raw"] == dict(
        zip(house.contracts["products"].names, row("products"), strict=True)
    ) | {
        "(field 5)": "more",
        "(field 6)": "",
    }


def test_a_header_without_rows_is_a_file_without_rows(notes: House) -> None:
    loaded = notes.load(
        "notes",
        "b1",
        Given("empty.csv", HEADER),
        Given("full.csv", HEADER + "1,a,b\n"),
        Given("header.csv", HEADER[:-1]),
    )
    assert loaded.counts == {"read": 1, "inserted": 1}
    assert loaded.load_result is not None
    assert {name: counts.read for name, counts in loaded.load_result.files.items()} == {
        "empty.csv@0": 0,
        "full.csv@0": 1,
        "header.csv@0": 0,
    }


def test_the_counts_of_each_file_are_its_own(house: House) -> None:
    files = [
        rows_file("orders", row("orders"), row("orders", order_id="x"), name="a.csv"),
        rows_file(
            "orders",
            row("orders"),
            row("orders", order_id="11", date="2025-04-02"),
            row("orders", order_id="12"),
            name="b.csv",
            minutes=1,
        ),
    ]
    loaded = house.load("orders", "b1", *files)
    assert loaded.load_result is not None
    found = {name: (c.read, c.rejected, c.changed, c.warnings) for name, c in loaded.load_result.files.items()}
    assert found == {"a.csv@0": (2, 1, 0, {}), "b.csv@1": (3, 0, 3, {"date_is_the_timestamps_day": 1})}


def test_a_row_too_long_to_read_stops_the_batch_with_its_files_name(embedded: Engine, tmp_path: Path) -> None:
    """A limit of DuckDB's reader; Spark loads the row."""
    notes = House(embedded, tmp_path, notes_contract(tmp_path))
    with pytest.raises(BadData, match=r"long\.csv holds a row that cannot be read"):
        notes.load(
            "notes",
            "b1",
            Given("fine.csv", HEADER + "1,a,b\n"),
            Given("long.csv", HEADER + "2,c," + "d" * (65 << 20) + "\n3,e,f\n"),
        )
    assert notes.rows("notes") == []


def test_a_scratch_folder_of_any_name_will_do(tmp_path: Path) -> None:
    folder = tmp_path / "it's [a] folder=*?"
    folder.mkdir()
    house = House(EmbeddedEngine(folder / "scratch"), folder, read_contracts())
    house.tables = Tables(str(tmp_path / "tables"), str(tmp_path / "rejected"))
    assert house.load("products", "b1", rows_file("products", row("products"), ("short",))).counts == {
        "read": 2,
        "inserted": 1,
        "rejected": 1,
    }
    assert list((folder / "scratch").iterdir()) == []
