"""Which files a command line means, what they are called in the bucket, and where they go."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.landing.local_files import Incoming, find_files
from lakehouse_assets.landing.store import Store
from lakehouse_assets.landing.uploading import key_of
from lakehouse_assets.landing.zone import LandingZone
from lakehouse_assets_tests.support import order, orders_csv, product, products_csv, workbook

NO_HOME = Path("/no/home")


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(paths: list[Path], home: Path = NO_HOME) -> dict[str, str]:
    """Name in the bucket, by the file's own content (which `write` makes its name)."""
    return {file.path.read_text(): file.name for file in find_files(paths, home)[0]}


def reasons(folder: Path) -> dict[str, str]:
    return {ignored.name: ignored.reason for ignored in find_files([folder], NO_HOME)[1]}


def test_files_of_a_folder_are_known_by_their_path_in_it(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "april/b.csv.gz", "april/late/c.XLSX", "d.tsv", "e.txt", "f.gz", "g.tgz", "h.zip")
    assert names([tmp_path]) == {
        name: name
        for name in ("a.csv", "april/b.csv.gz", "april/late/c.XLSX", "d.tsv", "e.txt", "f.gz", "g.tgz", "h.zip")
    }


def test_a_named_file_is_known_by_its_name_alone_and_taken_whatever_it_is_called(tmp_path: Path) -> None:
    write(tmp_path, "deep/orders.parquet", "deep/export")
    assert names([tmp_path / "deep/orders.parquet", tmp_path / "deep/export"]) == {
        "deep/orders.parquet": "orders.parquet",
        "deep/export": "export",
    }


def test_files_that_would_share_a_name_get_the_names_of_their_folders(tmp_path: Path) -> None:
    write(tmp_path, "a/x/day.csv", "b/x/day.csv", "c/day.csv")
    paths = [tmp_path / "a/x", tmp_path / "b/x/day.csv", tmp_path / "c/day.csv"]
    expected = {"a/x/day.csv": "a/x/day.csv", "b/x/day.csv": "b/x/day.csv", "c/day.csv": "c/day.csv"}
    assert names(paths) == expected
    assert names(paths[::-1]) == expected


def test_a_file_that_is_named_twice_is_taken_once(tmp_path: Path) -> None:
    write(tmp_path, "a.csv")
    assert len(find_files([tmp_path, tmp_path / "a.csv", tmp_path / "." / "a.csv"], NO_HOME)[0]) == 1


def test_what_is_no_data_is_ignored_with_a_reason(tmp_path: Path) -> None:
    write(tmp_path, "readme.md", "~$open.xlsx", ".git/config.csv", "orders.csv")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "broken.csv").symlink_to(tmp_path / "gone")
    said = reasons(tmp_path)
    assert set(said) == {"readme.md", "~$open.xlsx", ".git/", "link", "broken.csv"}
    assert "not a CSV file or workbook by its name" in said["readme.md"]
    assert "open in Excel" in said["~$open.xlsx"]
    assert "hidden" in said[".git/"]
    assert "link to a folder" in said["link"]
    assert "no such file" in said["broken.csv"]


def test_the_home_is_never_taken_for_data(tmp_path: Path) -> None:
    write(tmp_path, "orders.csv", "home/aws/s3/bucket/raw/orders/old.csv")
    assert list(names([tmp_path], home=tmp_path / "home")) == ["orders.csv"]
    (tmp_path / "link").symlink_to(tmp_path / "home")
    assert list(names([tmp_path], home=tmp_path / "link")) == ["orders.csv"], "whichever way it is named"


def test_all_missing_paths_are_named_at_once(tmp_path: Path) -> None:
    write(tmp_path, "orders.csv")
    with pytest.raises(BadConfiguration, match=r"(?s)nowhere\.csv: no such file.*gone: no such file"):
        find_files([tmp_path / "nowhere.csv", tmp_path / "orders.csv", tmp_path / "gone"], NO_HOME)


@pytest.mark.parametrize(
    "name", ["with space.csv", "a+b%20.csv", "Größe.csv", "注文.csv", "_hidden.csv", ".dot.csv", "=1+1.csv"]
)
def test_a_name_keeps_what_s3_can_hold(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    assert names([tmp_path]) == {name: name}


def test_control_characters_and_broken_utf8_leave_a_name_and_two_such_names_stay_two(tmp_path: Path) -> None:
    write(tmp_path, "new\nline.csv", "new\rline.csv")
    (tmp_path / "latin\udce9.csv").write_text("latin")
    found = sorted(file.name for file in find_files([tmp_path], NO_HOME)[0])
    assert len(set(found)) == 3
    assert all(name.isprintable() and name.encode() and name.endswith(".csv") for name in found)


def test_a_very_long_path_still_makes_a_key_and_objects_that_a_disk_can_hold(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*(f"{place:03}" * 30 for place in range(10)))
    write(folder, "x" * 240 + ".csv")
    [file], _ = find_files([tmp_path], NO_HOME)
    assert len(file.name.encode()) <= 700
    assert all(len(part.encode()) <= 220 for part in file.name.split("/"))
    assert file.name.endswith(".csv")


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    return LandingZone(
        Store(None, "bucket"), read_contracts(), "raw/", "uploads/", "rejected/", "archived/", "control/", tmp_path
    )


def key(path: Path, zone: LandingZone) -> str:
    return key_of(Incoming(path, path.name), zone)


def test_a_csv_goes_where_its_header_fits_if_its_name_says_nothing(tmp_path: Path, zone: LandingZone) -> None:
    path = tmp_path / "final_v2.csv"
    path.write_text(products_csv(product(1)))
    assert key(path, zone) == "raw/products/final_v2.csv"


def test_a_csv_goes_to_the_dataset_that_its_name_names_to_be_set_aside_there_if_its_header_does_not_fit(
    tmp_path: Path, zone: LandingZone
) -> None:
    path = tmp_path / "orders_final_v2.csv"
    path.write_text(products_csv(product(1)))
    assert key(path, zone) == "raw/orders/orders_final_v2.csv"


def test_a_stated_dataset_goes_before_name_and_header(tmp_path: Path, zone: LandingZone) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(orders_csv(order(1)))
    assert key_of(Incoming(path, path.name, "products"), zone) == "raw/products/orders.csv"


def test_a_stated_dataset_that_there_is_not_or_a_workbook_with_one_is_refused(
    tmp_path: Path, zone: LandingZone
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(orders_csv(order(1)))
    with pytest.raises(
        BadConfiguration, match=r"There is no dataset order \(--dataset\); the datasets: (\w+, ){2}\w+\."
    ):
        key_of(Incoming(path, path.name, "order"), zone)
    book = workbook(tmp_path / "orders.xlsx", {"a": [("order_id",)]})
    with pytest.raises(BadConfiguration, match=r"orders\.xlsx is a workbook .* without --dataset"):
        key_of(Incoming(book, book.name, "orders"), zone)


def test_a_csv_without_a_required_column_goes_to_the_closest_dataset_to_be_set_aside_there(
    tmp_path: Path, zone: LandingZone
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(orders_csv(order(1)).replace("order_timestamp", "when"))
    assert key(path, zone) == "raw/orders/export.csv"


def test_an_empty_file_goes_by_its_name(tmp_path: Path, zone: LandingZone) -> None:
    path = tmp_path / "order_items-2025.csv"
    path.touch()
    assert key(path, zone) == "raw/order_items/order_items-2025.csv"


def test_a_workbook_is_known_by_its_content(tmp_path: Path, zone: LandingZone) -> None:
    path = workbook(tmp_path / "orders.xlsx", {"a": [("order_id",)]})
    assert key(path, zone) == "uploads/orders.xlsx"
    assert key(path.rename(tmp_path / "orders.csv"), zone) == "uploads/orders.csv"


def test_what_is_like_no_dataset_goes_to_the_uploads(tmp_path: Path, zone: LandingZone) -> None:
    path = tmp_path / "weather.csv"
    path.write_text("city,degrees\nRome,20\n")
    assert key(path, zone) == "uploads/weather.csv"
