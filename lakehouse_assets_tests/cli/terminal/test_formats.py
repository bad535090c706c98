"""Rows as tables, CSV and JSON: exact for programs, harmless for people."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from lakehouse_assets.cli.terminal.errors import visible
from lakehouse_assets.cli.terminal.formats import MOST_TABLE_ROWS, Format, print_rows
from lakehouse_assets.cli.terminal.tables import print_tally
from lakehouse_assets.errors import BadConfiguration

NAMES = ("name", "amount", "reasons", "raw")


def printed(
    capsys: pytest.CaptureFixture[str], form: Format, *rows: tuple[Any, ...], names: tuple[str, ...] = NAMES
) -> str:
    print_rows(names, iter(rows), form)
    return capsys.readouterr().out


def test_json_is_a_list_of_objects_with_types_and_the_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("=1+1", -2.5, ["a", "b"], {"x": "=cmd", "y": None}), (None, 3, [], {}), ("Zoë", float("nan"), None, None)]
    assert json.loads(printed(capsys, Format.JSON, *rows)) == [
        {"name": "=1+1", "amount": -2.5, "reasons": ["a", "b"], "raw": {"x": "=cmd", "y": None}},
        {"name": None, "amount": 3, "reasons": [], "raw": {}},
        {"name": "Zoë", "amount": "nan", "reasons": None, "raw": None},
    ]


def test_json_refuses_two_columns_of_one_name_rather_than_to_keep_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadConfiguration, match="Two columns are named x, and JSON would keep only one"):
        printed(capsys, Format.JSON, (1, 2, 3), names=("x", "y", "x"))
    assert printed(capsys, Format.CSV, (1, 2, 3), names=("x", "y", "x")) == "x,y,x\n1,2,3\n"


def test_csv_of_one_column_shows_a_missing_value_as_a_line_that_no_reader_passes_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys, Format.CSV, ("a",), (None,), ("",), ("b",), names=("x",)) == 'x\na\n""\n""\nb\n'


def test_an_exact_number_keeps_its_digits_and_is_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    exact = Decimal("-0.0000000000000000000000001")
    assert printed(capsys, Format.CSV, (exact,), names=("x",)) == "x\n-0.0000000000000000000000001\n"
    assert json.loads(printed(capsys, Format.JSON, (exact,), names=("x",))) == [{"x": "-0.0000000000000000000000001"}]


def test_json_of_no_rows_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, Format.JSON)) == []


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-cmd", "@SUM(A1)", "\t=1", "\r=1"])
def test_csv_for_people_escapes_what_a_spreadsheet_would_run(capsys: pytest.CaptureFixture[str], text: str) -> None:
    [_, row] = csv.reader(io.StringIO(printed(capsys, Format.CSV, (text, -2.5, [], {}))))
    assert row[0] == "'" + text
    assert row[1] == "-2.5"


def test_csv_that_changed_a_text_says_so_once_and_raw_csv_changes_none(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[tuple[Any, ...]] = [("=1+1", -2.5, ["-a"], {}), ("@x", 1, [], {}), ("plain", 1, [], {})]
    print_rows(NAMES, rows, Format.CSV)
    assert capsys.readouterr().err.startswith("An apostrophe was put before 3 texts beginning with = + - @ or a tab")
    print_rows(NAMES, rows, Format.CSV, raw=True)
    out, err = capsys.readouterr()
    assert [row[0] for row in csv.reader(io.StringIO(out))] == ["name", "=1+1", "@x", "plain"]
    assert err == ""


@pytest.mark.parametrize("form", [Format.CSV, Format.JSON])
def test_a_terminal_is_told_nothing_that_it_would_carry_out_and_a_pipe_gets_it_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    text = "a\x1b[2J\x9b2Jb"
    exact = printed(capsys, form, (text,), names=("x",))
    assert (list(csv.reader(io.StringIO(exact)))[1][0] if form is Format.CSV else json.loads(exact)[0]["x"]) == text
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert printed(capsys, form, (text,), names=("x",)).replace("\n", "").isprintable()


def test_csv_holds_lists_and_objects_as_text_and_missing_values_as_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    header, row = csv.reader(io.StringIO(printed(capsys, Format.CSV, (None, None, ["a", "b"], {"x": 'say "hi", now'}))))
    assert header == list(NAMES)
    assert row[:3] == ["", "", "a; b"]
    assert json.loads(row[3]) == {"x": 'say "hi", now'}


def test_a_table_in_a_pipe_is_plain_text_with_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, Format.TABLE, ("a" * 300, 10001, ["x"], {"k": "v"}), ("b\nc\x1b[31m", 7, [], {}))
    first, second, third = text.splitlines()
    assert first.split() == list(NAMES)
    assert "a" * 300 in second
    assert "10001" in second
    assert r"b\nc\x1b[31m" in third
    assert text.isascii()


def test_a_table_says_how_many_rows_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("n",), ((n,) for n in range(MOST_TABLE_ROWS + 5)), Format.TABLE)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == MOST_TABLE_ROWS + 1
    assert "5 more rows" in err


def test_counts_are_grouped_and_keys_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_tally(("dataset", "read"), [("orders", 40803)])
    assert "40,803" in capsys.readouterr().out
    assert "40803" in printed(capsys, Format.TABLE, (40803,), names=("order_id",))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("\x1b[2J", r"\x1b[2J"), ("a\u202eb", r"a\u202eb"), ("क्‍ष", "क्‍ष"), ("a\nb", r"a\nb")],
)
def test_what_would_move_the_cursor_or_turn_the_text_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
