"""Two batches of sample files, made from the contracts: the first with errors of every kind, the second with
corrections of some of them.

Each call writes the same files. A dataset without parents and version is a CSV file, any other a workbook with a sheet
for each partition.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.contracts import Contract, Contracts
from lakehouse_assets.sample_data.dirt import REJECTED, corrected, moved_to_another_partition
from lakehouse_assets.sample_data.rows import Row, in_forms, key_of, sample_rows, values_of
from lakehouse_assets.sample_data.workbook import write_workbook

SEED = 20250401
LATE_PARENTS, REPEATED_ROWS, CORRECTIONS, WARNED_ROWS = 4, 3, 12, 2
REMARK = "remark"
"""A column that is in no contract."""


@dataclass(frozen=True)
class SampleData:
    """Two folders with files. `contents`: a description of each file, by its path relative to `folder`."""

    folder: Path
    first: Path
    second: Path
    contents: dict[str, str]


def make_sample_data(folder: Path, contracts: Contracts) -> SampleData:
    """Writes the files to two new folders in `folder`. Raises BadConfiguration if a contract's sample expression cannot
    be used.
    """
    return _Maker(folder, contracts).make()


def is_plain_list(contract: Contract) -> bool:
    """Whether a dataset has neither parents nor a version. Such a list is sent as one CSV file."""
    return not contract.parents and contract.version is None


class _Maker:
    def __init__(self, folder: Path, contracts: Contracts) -> None:
        self.data = SampleData(folder, folder / "first_batch", folder / "second_batch", {})
        for batch in (self.data.first, self.data.second):
            batch.mkdir(parents=True)
        self.random = random.Random(SEED)  # noqa: S311 - the same files each time are wanted
        self.rows = sample_rows(contracts)
        self.contracts = [contract for contract in contracts.values() if contract.dataset in self.rows]
        self.late_from = self._with_late_parents()
        self.late = self._withhold(self.late_from) if self.late_from else []

    def make(self) -> SampleData:
        for contract in self.contracts:
            if is_plain_list(contract):
                self._plain_list(contract)
            else:
                self._workbook(contract)
        if self.contracts:
            self._unreadable(next((c for c in self.contracts if is_plain_list(c)), self.contracts[0]))
        self._second_batch()
        return self.data

    def _with_late_parents(self) -> Contract | None:
        needed = {parent.dataset for contract in self.contracts for parent in contract.parents}
        parents = [contract for contract in self.contracts if contract.dataset in needed]
        return next((contract for contract in parents if not is_plain_list(contract)), parents[0] if parents else None)

    def _withhold(self, contract: Contract) -> list[Row]:
        late = self.random.sample(self.rows[contract.dataset][: contract.sample_rows], LATE_PARENTS)
        self.rows[contract.dataset] = [row for row in self.rows[contract.dataset] if row not in late]
        return late

    def _sound(self, contract: Contract) -> list[Row]:
        """The valid rows of the first batch: as many as the contract asks for, without the late ones."""
        late = LATE_PARENTS if contract is self.late_from else 0
        return self.rows[contract.dataset][: contract.sample_rows - late]

    def _dirty(self, contract: Contract) -> list[Row]:
        """The valid rows, with invalid copies (under keys of their own) and repeated rows, each next to the row that it
        was made from.
        """
        sound = self._sound(contract)
        free_keys = [key_of(contract, row) for row in self.rows[contract.dataset][len(sound) :]]
        partitions = sorted({row[contract.partition] for row in sound}) if contract.partition else []
        after: dict[int, list[Row]] = {}
        for spoil in REJECTED:
            place = self.random.randrange(len(sound))
            if spoiled := spoil(contract, sound[place] | free_keys.pop()):
                after.setdefault(place, []).append(spoiled)
        for place in self.random.sample(range(len(sound)), WARNED_ROWS):
            if warned := moved_to_another_partition(contract, sound[place] | free_keys.pop(), partitions):
                after.setdefault(place, []).append(warned)
        for place in self.random.sample(range(len(sound)), REPEATED_ROWS):
            after.setdefault(place, []).append(sound[place])
        return [each for place, row in enumerate(sound) for each in (row, *after.get(place, []))]

    def _plain_list(self, contract: Contract) -> None:
        rows = [[*in_forms(contract, row), ""] for row in self._dirty(contract)]
        rows[0][-1] = "an extra column"
        short, long = rows[3][:-2], [*rows[7], "one field too many"]
        rows = [*rows[:4], short, *rows[4:], long]
        self._write(
            self.data.first / f"{contract.dataset}.csv",
            _csv(contract, [*contract.file_names, REMARK], rows),
            "CSV, with bad rows, ragged rows and an extra column",
        )

    def _workbook(self, contract: Contract) -> None:
        sheets: dict[str, list[Row]] = {}
        places = (
            {values_of(row, contract.keys): row[contract.partition] for row in self._sound(contract)}
            if contract.partition in contract.file_names
            else {}
        )
        sheet = contract.dataset
        for row in self._dirty(contract):
            # An invalid copy is on the sheet of the row that it was made from.
            sheet = places.get(values_of(row, contract.keys), sheet)
            sheets.setdefault(sheet, []).append(row)
        tables: dict[str, Sequence[Sequence[str]]] = {
            name: _table(contract, rows) for name, rows in sorted(sheets.items())
        }
        said = f"workbook, {len(tables)} sheets of bad and good rows"
        if contract is self.late_from:
            tables |= {"Empty": [], "Notes": [["Please mind the gap."], ["Call me about Friday."]]}
            said += ", an empty one, one of notes"
        path = self.data.first / f"{contract.dataset}.xlsx"
        write_workbook(path, contract, tables)
        self._note(path, said)

    def _unreadable(self, contract: Contract) -> None:
        """Files that are quarantined as a whole, and one without rows."""
        names = [*contract.file_names, REMARK]
        rows = [[*in_forms(contract, row), "café"] for row in self._sound(contract)[:3]]
        self._write(
            self.data.first / f"{contract.dataset}_from_abroad.csv",
            _csv(contract, names, rows).decode(contract.encoding_of("")).encode("latin-1"),
            "CSV in Latin-1, not UTF-8",
        )
        self._write(
            self.data.first / f"{contract.dataset}_nothing_new.csv",
            _csv(contract, contract.file_names, []),
            "CSV, only a header",
        )
        path = self.data.first / f"{contract.dataset}_cut_off.xlsx"
        write_workbook(path, contract, {contract.dataset: _table(contract, self._sound(contract))})
        whole = path.read_bytes()
        self._write(path, whole[: len(whole) * 2 // 3], "workbook, its transfer was cut off")

    def _second_batch(self) -> None:
        for contract in self.contracts:
            if is_plain_list(contract):
                name = f"{contract.dataset}.csv"
                shutil.copyfile(self.data.first / name, self.data.second / name)
                self._note(self.data.second / name, "the same file again")
            else:
                self._corrections(contract)
        if self.late_from:
            rows = [in_forms(self.late_from, row) for row in self.late]
            text = _csv(self.late_from, self.late_from.file_names, rows, delimiter=";")
            path = self.data.second / f"{self.late_from.dataset}_late.csv.gz"
            self._write(
                path,
                gzip.compress(text, mtime=0),
                f"the {len(self.late)} {self.late_from.dataset} that other rows refer to; semicolons, gzipped",
            )

    def _corrections(self, contract: Contract) -> None:
        waits_for = [
            (parent.columns, {values_of(row, parent.keys) for row in self.late})
            for parent in contract.parents
            if self.late_from and parent.dataset == self.late_from.dataset
        ]
        loaded = [
            row
            for row in self._sound(contract)
            if not any(values_of(row, columns) in late for columns, late in waits_for)
        ]
        chosen = self.random.sample(loaded, CORRECTIONS)
        newer = [row for old in chosen[:-1] if (row := corrected(contract, old))]
        older = [row for old in chosen[-1:] if (row := corrected(contract, old, -1))]
        if newer:
            rows = [in_forms(contract, row) for row in (*newer, *older)]
            self._write(
                self.data.second / f"{contract.dataset}_corrections.csv",
                _csv(contract, contract.file_names, rows),
                f"{len(newer)} corrections, and one that is out of date",
            )

    def _write(self, path: Path, content: bytes, said: str) -> None:
        path.write_bytes(content)
        self._note(path, said)

    def _note(self, path: Path, said: str) -> None:
        self.data.contents[str(path.relative_to(self.data.folder))] = said


def _table(contract: Contract, rows: Iterable[Row]) -> list[Sequence[str]]:
    return [contract.file_names, *(in_forms(contract, row) for row in rows)]


def _csv(contract: Contract, names: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str = ",") -> bytes:
    """In the encoding that the contract declares for all files."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue().encode(contract.encoding_of(""))
