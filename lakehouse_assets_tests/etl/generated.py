"""Rows made by hypothesis or by a seeded generator. They have few keys, so that keys collide; a tenth of the cells is
invalid or written in an unusual way.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from lakehouse_assets_tests.etl.reference import DATASETS, Dataset, File
from lakehouse_assets_tests.etl.support import START, Given, House, csv_text

ODD_NUMBERS = [
    "",
    " ",
    "1.0",
    " -2.000 ",
    "1.5",
    "1e3",
    " 2 ",
    "+1",
    "-3",
    "99999999999",
    "abc",
    "\u00a01",
    "1\n",
    "NaN",
]
ODD_TEXTS = ["", "  ", "=1+1", 'a "b", c', "two\nlines", "\u202eabc", "x\x00y", " Atlas", "\u00a0", "é"]
ODD_DAYS = ["", "2025-02-30", "2025-4-1", "not-a-date", "0000-01-01", "2025-04-01\n", " 2025-04-01", "2024-02-29"]
ODD_MOMENTS = [
    "",
    "01.04.2025",
    "2025-04-01T24:00:00",
    "2025-04-01",
    "2025-04-01 11:27:00",
    "2025-04-01T23:30:00-02:00",
    "2025-04-01T11:27:00.5Z",
    "2025-04-01 11:27:00+00",
    "2025-04-01t13:27:00.000000000 +0200",
    "2025-04-01T11:27:00.1234567",
    "2025-04-01 11:27:00 UTC",
    "9999-12-31T23:59:59-01:00",
]
ODD_AMOUNTS = ["", "1e1", ".5", "-0.01", "1e400", "NaN", "Infinity", "1d", "0", "-0"]
DAYS = ["2025-04-01", "2025-04-02"]
MOMENTS = ["2025-04-01T11:27:00", "2025-04-01T12:00:00", "2025-04-02T00:00:00"]
Cells = dict[str, tuple[list[str], list[str]]]
"""Of each column, sound texts and odd ones."""
CELLS: dict[str, Cells] = {
    "products": {
        "product_id": (["1", "2", "3"], ODD_NUMBERS),
        "department_id": (["1", "2"], ODD_NUMBERS),
        "department": (["Books", "Toys"], ODD_TEXTS),
        "product_name": (["Atlas", "Lamp"], ODD_TEXTS),
    },
    "orders": {
        "order_num": (["1", "2"], ODD_NUMBERS),
        "order_id": (["10", "11", "12"], ODD_NUMBERS),
        "user_id": (["5", "6"], ODD_NUMBERS),
        "order_timestamp": (MOMENTS, ODD_MOMENTS),
        "total_amount": (["9.5", "10", "2"], ODD_AMOUNTS),
        "date": (DAYS, ODD_DAYS),
    },
    "order_items": {
        "id": (["100", "101", "102"], ODD_NUMBERS),
        "order_id": (["10", "11", "12"], ODD_NUMBERS),
        "user_id": (["5", "6"], ODD_NUMBERS),
        "days_since_prior_order": (["", "0", "7"], ODD_NUMBERS),
        "product_id": (["1", "2", "3"], ODD_NUMBERS),
        "add_to_cart_order": (["1"], ODD_NUMBERS),
        "reordered": (["0", "1"], [*ODD_NUMBERS, "2"]),
        "order_timestamp": (MOMENTS, ODD_MOMENTS),
        "date": (DAYS, ODD_DAYS),
    },
}
Batch = dict[str, list[File]]


@dataclass(frozen=True)
class Shop:
    """Datasets, parents first, and what stands in their files: the cells of each column in the header's order.
    `numbers`: for columns of keys, how many different numbers there are in `history`, as a multiple of its `keys`.
    """

    datasets: Mapping[str, Dataset]
    cells: Mapping[str, Cells]
    numbers: Mapping[str, float]

    def header(self, dataset: str) -> tuple[str, ...]:
        return tuple(self.cells[dataset])


SHIPPED = Shop(DATASETS, CELLS, {"product_id": 1, "order_id": 1, "id": 1})


def row_of(dataset: str, shop: Shop = SHIPPED, *, odd: bool = True) -> st.SearchStrategy[tuple[str, ...]]:
    """A valid row, a row with one odd cell, or sometimes a ragged row."""
    cells = shop.cells[dataset]
    sound = st.tuples(*(st.sampled_from(good) for good, _ in cells.values()))
    if not odd:
        return sound
    width = len(cells)
    spoiled = st.tuples(sound, st.integers(0, width - 1), st.integers(0, 99)).map(lambda drawn: _spoil(cells, *drawn))
    ragged = sound.map(lambda cells: cells[:-2])
    longer = sound.map(lambda cells: (*cells, "more"))
    return st.one_of(sound, sound, sound, spoiled, spoiled, ragged, longer)


def _spoil(cells: Cells, row: tuple[str, ...], place: int, choice: int) -> tuple[str, ...]:
    odd = list(cells.values())[place][1]
    return (*row[:place], odd[choice % len(odd)], *row[place + 1 :])


def shape_of(dataset: str, shop: Shop = SHIPPED) -> st.SearchStrategy[tuple[str, ...]]:
    """A header, which sometimes lacks an optional column."""
    whole = shop.header(dataset)
    lacking = tuple(name for name in whole if name not in shop.datasets[dataset].optional)
    return st.sampled_from([whole, whole, lacking])


@st.composite
def batches(draw: st.DrawFn, shop: Shop = SHIPPED) -> list[Batch]:
    """One to four batches of up to two files of each dataset. The files' times are in any order, and no two are equal.
    A file may come again later, with the same content under another name.
    """
    times = iter(draw(st.permutations(range(40))))
    before: dict[str, list[File]] = {dataset: [] for dataset in shop.datasets}
    found: list[Batch] = []
    for _ in range(draw(st.integers(1, 4))):
        batch: Batch = {dataset: [] for dataset in shop.datasets}
        for dataset in shop.datasets:
            whole = shop.header(dataset)
            again = draw(st.lists(st.sampled_from(before[dataset]), max_size=1)) if before[dataset] else []
            batch[dataset] += [
                replace(file, name=f"again-{minutes}.csv", minutes=minutes)
                for file in again
                for minutes in [next(times)]
            ]
            for _ in range(draw(st.integers(0, 2 - len(again)))):
                header, rows = draw(shape_of(dataset, shop)), draw(st.lists(row_of(dataset, shop), max_size=4))
                minutes = next(times)
                places = [whole.index(name) for name in header]
                cut = tuple(
                    tuple(cells[place] for place in places if place < len(cells)) + cells[len(whole) :]
                    for cells in rows
                )
                batch[dataset].append(File(f"{minutes}.csv", minutes, header, cut, f"content {dataset} {minutes}"))
        for dataset, files in batch.items():
            before[dataset] += [file for file in files if not file.name.startswith("again")]
        found.append(batch)
    return found


def history(seed: int, rows: int, keys: int, shop: Shop = SHIPPED) -> list[Batch]:
    """Four batches of two files of each dataset. `rows`: the number of rows per file. `keys`: the number of different
    keys. There are corrections, files without an optional column, and files that come again, with times in any order.
    """
    chance = random.Random(seed)
    times = chance.sample(range(40), 40)
    before: dict[str, list[File]] = {dataset: [] for dataset in shop.datasets}
    found: list[Batch] = []
    for _ in range(4):
        batch: Batch = {}
        for dataset, earlier in before.items():
            again = chance.sample(earlier, 1) if earlier and chance.random() < 0.5 else []
            batch[dataset] = [
                replace(file, name=f"again-{minutes}.csv", minutes=minutes)
                for file in again
                for minutes in [times.pop()]
            ]
            while len(batch[dataset]) < 2:
                batch[dataset].append(_file(shop, dataset, times.pop(), rows, keys, chance))
        for dataset, files in batch.items():
            before[dataset] += [file for file in files if not file.name.startswith("again")]
        found.append(batch)
    return found


def _file(shop: Shop, dataset: str, minutes: int, rows: int, keys: int, chance: random.Random) -> File:
    lacking = shop.datasets[dataset].optional if chance.random() < 0.4 else ()
    header = tuple(name for name in shop.header(dataset) if name not in lacking)

    def row() -> tuple[str, ...]:
        # A fifth of the parents that items name are in no file.
        own = shop.datasets[dataset].keys
        most = {name: int(keys * share * (1 if name in own else 1.2)) for name, share in shop.numbers.items()}
        cells = {
            name: str(chance.randrange(most[name])) if name in most else chance.choice(good)
            for name, (good, _) in shop.cells[dataset].items()
        }
        if chance.random() < 0.2:
            spoiled = chance.choice(list(cells))
            cells[spoiled] = chance.choice(shop.cells[dataset][spoiled][1])
        found = tuple(cells[name] for name in header)
        return found if chance.random() < 0.95 else found[:-1]

    return File(f"{minutes}.csv", minutes, header, tuple(row() for _ in range(rows)), f"content {dataset} {minutes}")


def given(file: File) -> Given:
    again = file.name.startswith("again")
    return Given(file.name, csv_text(file.header, file.rows), file.minutes, seen_before=again, content=file.content)


def loaded(house: House, name: str, batch: Batch) -> dict[str, dict[str, Any]]:
    """The batch in the engine, in the words of `Reference.batch`."""
    found = house.batch(name, **{dataset: [given(file) for file in files] for dataset, files in batch.items()})
    return {
        dataset: {"counts": load.counts, "reasons": load.load_result.reasons, "warnings": load.load_result.warnings}
        for dataset, load in found.items()
        if load.load_result is not None
    }


@dataclass(frozen=True)
class Outcome:
    tables: dict[str, list[dict[str, Any]]]
    rejects: dict[str, list[tuple[Any, ...]]]


def sorted_records(records: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """By file, time and row."""
    return sorted(records, key=lambda record: record[:3])


def minutes_of(value: Any) -> int:
    return int((value - START).total_seconds() // 60)
