"""`lakehouse put` and the uploads of `lakehouse load`: which object each file becomes, and what is pending."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.main import app
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets_tests.cli.commands.calls import lakehouse_command, loaded
from lakehouse_assets_tests.support import (
    body,
    keys,
    outcomes,
    product,
    products_csv,
    put,
    table_rows,
)

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def test_files_of_one_name_from_two_folders_are_both_loaded(lakehouse: Lakehouse, tmp_path: Path) -> None:
    for number, folder in ((1, "a"), (2, "b")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "new +%20.csv").write_text(products_csv(product(number)))
    report = loaded(tmp_path / "a" / "new +%20.csv", tmp_path / "b" / "new +%20.csv")
    assert outcomes(report) == {"a/new +%20.csv": "loaded", "b/new +%20.csv": "loaded"}
    assert [row[0] for row in table_rows(lakehouse, "products")] == [1, 2]


def test_of_the_files_of_a_folder_the_last_by_name_is_the_later_one(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """The first is great and takes long: uploaded side by side it would land last."""
    folder = tmp_path / "days"
    folder.mkdir()
    (folder / "products_01.csv").write_text(
        products_csv(product(1, "old"), *(product(number) for number in range(2, 200_000)))
    )
    (folder / "products_02.csv").write_text(products_csv(product(1, "new")))
    put_files = CliRunner().invoke(app, ["put", str(folder)])
    assert put_files.exit_code == 0, put_files.output
    first, second = lakehouse.zone.store.waiting("raw/products/")
    assert (first.key.rpartition("/")[2], second.key.rpartition("/")[2]) == ("products_01.csv", "products_02.csv")
    assert first.modified <= second.modified


@pytest.mark.parametrize("size", [1_000, 20_000_000])
def test_a_file_that_is_written_while_it_is_uploaded_is_refused_and_does_not_wait(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(b"x" * size)
    send = lakehouse.zone.store.s3.upload_fileobj

    def written_meanwhile(*given: Any, **named: Any) -> None:
        send(*given, **named)
        with file.open("ab") as more:
            more.write(b"more")

    monkeypatch.setattr(lakehouse.zone.store.s3, "upload_fileobj", written_meanwhile)
    with pytest.raises(LakehouseError, match=r"p\.csv was changed while it was uploaded, so its upload was deleted"):
        lakehouse.zone.store.upload(file, "raw/products/p.csv")
    assert keys(lakehouse, "raw/") == []


def test_a_file_that_is_replaced_while_it_is_uploaded_is_uploaded_as_it_was(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As careful writers do it: another file gets the name."""
    file, other = tmp_path / "p.csv", tmp_path / "p.csv.new"
    file.write_bytes(b"a" * 20_000_000)
    other.write_bytes(b"b" * 20_000_000)
    send = lakehouse.zone.store.s3.upload_fileobj

    def replaced_meanwhile(*given: Any, **named: Any) -> None:
        other.rename(file)
        send(*given, **named)

    monkeypatch.setattr(lakehouse.zone.store.s3, "upload_fileobj", replaced_meanwhile)
    lakehouse.zone.store.upload(file, "raw/products/p.csv")
    assert set(body(lakehouse, "raw/products/p.csv")) == set(b"a")


def test_files_that_were_put_before_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    result = lakehouse_command("put", tmp_path / "p.csv")
    assert result.exit_code == 0
    assert "raw/products/p.csv" in result.stdout
    assert "a batch starts automatically when a file of each dataset is pending (LAKEHOUSE_GATE)" in result.stdout
    (tmp_path / "nothing").mkdir()
    assert outcomes(loaded(tmp_path / "nothing")) == {"p.csv": "loaded"}
    assert loaded(tmp_path / "nothing")["status"] == "nothing_to_do"


def test_without_a_path_pending_files_are_loaded(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    assert outcomes(loaded()) == {"p.csv": "loaded"}


def test_files_in_the_bucket_that_lie_nowhere_are_named_in_the_report(lakehouse: Lakehouse, tmp_path: Path) -> None:
    put(lakehouse, "raw/stray.csv", "a\n1\n")
    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    assert outcomes(loaded(tmp_path / "p.csv"))["stray.csv"] == "ignored"
