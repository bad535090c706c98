"""Of two rows for one key that of the later file stays: which file is later, where S3's whole seconds do not tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from lakehouse_assets.landing.model import FileVersion, ManifestFile, Outcome
from lakehouse_assets.landing.order import in_order, natural_key

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def file(name: str, seconds: int = 0, dataset: str = "orders", order: str = "", sheet: int = 0) -> ManifestFile:
    time = NOON + timedelta(seconds=seconds)
    version = FileVersion("bucket", name, f"version of {name} {sheet}", "etag", 1, time)
    return ManifestFile(version, dataset, name, time, Outcome.LOAD, upload_order=order, sheet=sheet)


@pytest.mark.parametrize(
    "names",
    [
        ("products.csv", "products-2.csv", "products-10.csv"),
        ("products_9.csv", "products_10.csv"),
        ("Day 2", "Day 10"),
        ("2025-4-9/orders.csv", "2025-4-10/orders.csv"),
        ("orders.csv", "orders (1).csv", "orders (2).csv"),
        ("Orders 1.csv", "orders 2.csv"),
    ],
)
def test_names_are_sorted_as_people_do(names: tuple[str, ...]) -> None:
    given = [*names[1:], names[0]]
    assert tuple(sorted(given, key=natural_key)) == names


def test_the_time_of_a_file_comes_first_then_the_order_of_the_uploads_then_the_name_then_the_sheet() -> None:
    files = [
        file("z.csv", seconds=-1),
        file("b.csv"),
        file("book.xlsx#April", sheet=2),
        file("book.xlsx#March", sheet=10),
        file("y.csv", order="1-000001"),
        file("x.csv", order="1-000002"),
        file("a.csv", seconds=1),
    ]
    assert [found.source_file for found in in_order(reversed(files))] == [given.source_file for given in files]


def test_each_file_of_a_dataset_gets_a_time_of_its_own_and_keeps_its_second() -> None:
    found = in_order(
        [file("a.csv"), file("b.csv"), file("p.csv", dataset="products"), file("c.csv"), file("d.csv", seconds=1)]
    )
    times = [each.source_modified_at for each in found if each.dataset == "orders"]
    assert all(before < after for before, after in pairwise(times))
    assert [time.replace(microsecond=0) for time in times] == [NOON, NOON, NOON, NOON + timedelta(seconds=1)]
    assert [each.source_modified_at for each in found if each.dataset == "products"] == [NOON]


def test_a_file_of_the_second_in_which_the_last_batch_was_frozen_comes_after_it() -> None:
    taken = in_order([file("a.csv"), file("b.csv")])[-1].source_modified_at
    late, same, next_one = in_order([file("c.csv"), file("old.csv", seconds=-5), file("d.csv", seconds=3)], taken)
    assert late.source_modified_at == NOON - timedelta(seconds=5)
    assert same.source_modified_at > taken
    assert next_one.source_modified_at == NOON + timedelta(seconds=3)
