"""`lakehouse load` and `put`: from files on a disk to the load report; what stands on stdout, and the exit codes."""

from __future__ import annotations

import fcntl
import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli import runs as batches
from lakehouse_assets.etl.report_types import Report
from lakehouse_assets.landing.store import Store
from lakehouse_assets_tests.cli.commands.calls import lakehouse_command, loaded
from lakehouse_assets_tests.cli.conftest import PROGRAM, Program, clean_environment
from lakehouse_assets_tests.support import (
    item,
    items_csv,
    keys,
    nonzero,
    order,
    orders_csv,
    outcomes,
    product,
    products_csv,
    put,
    ran,
    table_rows,
    workbook,
)

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def one_of_each(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "items.csv").write_text(items_csv(item(1, 10, 100), item(2, 10, 100)))
    (folder / "day.csv").write_text(orders_csv(order(10), order(11, amount="a lot")))
    (folder / "notes.md").write_text("remember the milk")
    workbook(
        folder / "book.xlsx",
        {"stock": [("product_id", "department_id", "department", "product_name"), product(100)], "todo": [("milk",)]},
    )
    return folder


def test_a_folder_becomes_one_batch_and_every_file_is_accounted_for(lakehouse: Lakehouse, tmp_path: Path) -> None:
    report = loaded(one_of_each(tmp_path / "data"))
    assert report["status"] == "succeeded_with_rejects"
    assert {dataset: nonzero(counts) for dataset, counts in report["datasets"].items()} == {
        "orders": {"read": 2, "inserted": 1, "rejected": 1},
        "products": {"read": 1, "inserted": 1},
        "order_items": {"read": 2, "inserted": 2},
    }
    assert outcomes(report) == {
        "items.csv": "loaded",
        "day.csv": "loaded",
        "book.xlsx#stock": "loaded",
        "book.xlsx#todo": "ignored",
        "notes.md": "ignored",
    }
    assert all(file["reason"] for file in report["files"] if file["outcome"] == "ignored")
    assert [row[0] for row in table_rows(lakehouse, "order_items")] == [1, 2]


def test_files_that_the_sensor_was_quicker_to_take_are_reported_all_the_same(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_batch = batches.run_batch

    def overtaken(*given: Any, **named: Any) -> Report:
        ran(lakehouse)
        return run_batch(*given, **named)

    monkeypatch.setattr(batches, "run_batch", overtaken)
    report = loaded(one_of_each(tmp_path / "data"))
    assert report["status"] == "succeeded_with_rejects"
    assert nonzero(report["datasets"]["order_items"]) == {"read": 2, "inserted": 2}
    assert len(lakehouse.reports.all()) == 1


def test_files_whose_older_version_another_run_took_are_loaded_before_it_says_so(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run opens a batch of what waits under the same name, just before the file is uploaded anew."""
    file = tmp_path / "p.csv"
    file.write_text(products_csv(product(1, "new")))
    put(lakehouse, "raw/products/p.csv", products_csv(product(1, "old")))
    send = Store.upload

    def taken_before(store: Store, path: Path, key: str, metadata: dict[str, str]) -> str | None:
        lakehouse.freeze("any")
        return send(store, path, key, metadata)

    monkeypatch.setattr(Store, "upload", taken_before)
    report = loaded(file)
    assert nonzero(report["datasets"]["products"]) == {"read": 1, "updated": 1}
    assert [row[3] for row in table_rows(lakehouse, "products")] == ["new"]
    assert len(lakehouse.reports.all()) == 2


def test_the_sheets_of_a_workbook_are_known_by_it_whatever_signs_are_in_the_names(tmp_path: Path) -> None:
    workbook(
        tmp_path / "a#1.xlsx",
        {"x#y": [("product_id", "department_id", "department", "product_name"), product(1)], "todo": [("milk",)]},
    )
    (tmp_path / "a#2.csv").write_text(products_csv(product(2)))
    files = {file["name"]: file["workbook"] for file in loaded(tmp_path)["files"]}
    assert files == {"a#1.xlsx#x#y": "a#1.xlsx", "a#1.xlsx#todo": "a#1.xlsx", "a#2.csv": None}


def test_the_same_files_again_are_duplicates_and_change_nothing(lakehouse: Lakehouse, tmp_path: Path) -> None:
    first = loaded(one_of_each(tmp_path / "data"))
    before = table_rows(lakehouse, "orders")
    again = loaded(tmp_path / "data")
    assert again["batch_id"] != first["batch_id"]
    assert {outcome for name, outcome in outcomes(again).items() if name.endswith(("s.csv", "y.csv", "#stock"))} == {
        "duplicate"
    }
    assert table_rows(lakehouse, "orders") == before


def test_a_file_that_lacks_a_column_is_set_aside_with_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(orders_csv(order(1)).replace("user_id", "who"))
    [file] = loaded(tmp_path / "export.csv")["files"]
    assert (file["dataset"], file["outcome"]) == ("orders", "quarantined")
    assert "user_id" in file["reason"]


def test_a_batch_that_failed_is_finished_before_anything_new_is_taken(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.csv").write_text(orders_csv(order(1), order(2, amount="a lot")))
    (tmp_path / "good.csv").write_text(orders_csv(order(3)))
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "0")
    failed = lakehouse_command("load", "--json", tmp_path / "bad.csv")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["status"] == "failed"
    assert "above the limit" in json.loads(failed.stdout)["error"]

    still = lakehouse_command("load", "--json", tmp_path / "good.csv")
    assert still.exit_code == 1
    assert "the given files were not uploaded" in json.loads(still.stdout)["error"]

    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "1")
    result = lakehouse_command("load", "--json", tmp_path / "good.csv")
    assert result.exit_code == 0
    assert f"Batch {json.loads(failed.stdout)['batch_id']} is still open and is resumed first." in result.stderr
    assert outcomes(json.loads(result.stdout)) == {"good.csv": "loaded"}
    assert [row[1] for row in table_rows(lakehouse, "orders")] == [1, 3]


def test_an_outage_ends_without_a_trace_and_a_program_still_gets_its_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.csv").write_text(products_csv(product(1)))

    def lost(store: Store, path: Path, key: str, metadata: dict[str, str]) -> None:
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(Store, "upload", lost)
    result = lakehouse_command("load", "--json", tmp_path / "p.csv")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == "failed"
    assert result.stderr.startswith(f"Error: {tmp_path / 'p.csv'} cannot be read any more")


def test_the_report_for_people_shows_counts_files_and_reasons(tmp_path: Path) -> None:
    result = lakehouse_command("load", one_of_each(tmp_path / "data"))
    assert result.exit_code == 0
    for text in (
        "succeeded with rejects; 1 file and 1 sheet were not taken",
        "inserted",
        "book.xlsx#todo",
        "notes.md",
        "total_amount: not double",
    ):
        assert text in result.stdout


def test_as_a_program_it_prints_one_object_and_nothing_else(
    lakehouse: Lakehouse, program: Program, tmp_path: Path
) -> None:
    one_of_each(tmp_path / "data")
    result = program("load", tmp_path / "data", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert set(report) >= {"batch_id", "status", "datasets", "files"}
    assert list(report["datasets"]["orders"]) == [
        "read",
        "retried",
        "inserted",
        "updated",
        "unchanged",
        "duplicates",
        "stale",
        "rejected",
    ]
    assert all(set(file) >= {"name", "dataset", "outcome", "reason", "read", "rejected"} for file in report["files"])
    assert report["files"] != []
    assert keys(lakehouse, "") == [], "another home is another lakehouse"


def test_missing_paths_and_wrong_settings_end_with_2_before_anything_starts(program: Program, tmp_path: Path) -> None:
    missing = program("load", "nowhere.csv", "--json")
    assert missing.returncode == 2
    assert "nowhere.csv: no such file or folder" in missing.stderr
    assert json.loads(missing.stdout)["status"] == "failed", "a program gets its object even then"
    assert json.loads(missing.stdout)["error"] in missing.stderr
    assert not (tmp_path / "home" / "aws").exists()
    wrong = program("load", ".", LAKEHOUSE_MEMORY_MB="much")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("Error: These settings cannot be used:\n  - LAKEHOUSE_MEMORY_MB='much'")
    (tmp_path / "file").touch()
    assert program("load", ".", home=tmp_path / "file").returncode == 2
    assert program("put").returncode == 2


def test_two_loads_at_once_take_turns(tmp_path: Path) -> None:
    environment = clean_environment() | {"LAKEHOUSE_HOME": str(tmp_path / "home")}
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(products_csv(product(number)))

    def start(number: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, "load", str(tmp_path / f"{number}.csv"), "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    first = start(1)
    while not (tmp_path / "home" / "load.lock").exists():
        time.sleep(0.02)
    second = start(2)
    reports = [json.loads(process.communicate(timeout=120)[0]) for process in (first, second)]
    assert [outcomes(report) for report in reports] == [{"1.csv": "loaded"}, {"2.csv": "loaded"}]


def test_a_second_load_says_that_it_waits(lakehouse: Lakehouse, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    lock = (lakehouse.settings.home / "load.lock").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)
    threading.Timer(0.5, lock.close).start()
    result = lakehouse_command("load", tmp_path / "p.csv")
    assert result.exit_code == 0
    assert "Another load is running in" in result.stderr


def test_an_empty_file_of_no_known_dataset_is_reported_as_empty(tmp_path: Path) -> None:
    (tmp_path / "0001.csv").touch()
    (tmp_path / "0002.csv").write_text(products_csv(product(1)))
    assert outcomes(loaded(tmp_path / "0001.csv", tmp_path / "0002.csv")) == {"0001.csv": "empty", "0002.csv": "loaded"}
