"""Decides which dataset a file or a sheet is for. Its folder or name and its header must agree, so that no file changes
a table that it was not meant for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lakehouse_assets.landing.column_names import Aliases, normalise, shown, spellings, unnamed

__all__ = [
    "MALFORMED",
    "Columns",
    "HeaderCheck",
    "Route",
    "check_header",
    "dataset_named",
    "missing",
    "named",
    "normalise",
    "route",
    "shared",
]

MALFORMED = "_malformed"
"""Reserved column of a converted sheet: a text in it rejects the row and is the reason. It never counts as an extra
column.
"""
Source = Literal["folder", "name", "columns"]
"""The source of the dataset that a header is compared with."""


class Columns(Protocol):
    """The part of a `Contract` that routing needs. The workbook reader's process has only this part, because importing
    the contracts takes 0.7 s.
    """

    @property
    def dataset(self) -> str: ...
    @property
    def file_names(self) -> tuple[str, ...]: ...
    @property
    def required_names(self) -> tuple[str, ...]: ...
    @property
    def allows_unknown(self) -> bool: ...
    @property
    def aliases(self) -> Aliases: ...


@dataclass(frozen=True)
class Route:
    """Either `dataset`, or `reason`: why there is none. `candidate`: the dataset that the header was compared with,
    or None."""

    dataset: str | None
    reason: str | None
    candidate: str | None = None


@dataclass(frozen=True)
class HeaderCheck:
    """`problem`: why no row can be read by this header, or None. `names`: the columns in the file's order, in the
    contract's spelling.

    `absent`: optional columns of the contract that the file lacks. `extra`: columns that the contract does not know.
    `respelled`: columns that the contract spells differently, as pairs (name in the header, column). The last two are
    empty if there is a problem, because then the first line may be data.
    """

    problem: str | None
    extra: tuple[str, ...]
    absent: tuple[str, ...]
    names: tuple[str, ...] = ()
    respelled: tuple[tuple[str, str], ...] = ()


def route(header: Sequence[str], contracts: Mapping[str, Columns], *, said: str | None = None, name: str = "") -> Route:
    """The dataset that the sender states (`said`: a folder, an option), or else the one that a file's or sheet's `name`
    contains, or else the one that shares most columns with the header. The header must fit it: see `_misfit`."""
    named = dataset_named(name, contracts)
    source: Source = "folder" if said else "name" if named else "columns"
    candidate = said or named
    if candidate is None:
        candidates = _closest(header, contracts)
        if not candidates:
            return Route(None, f"no dataset has these columns (the datasets: {', '.join(contracts)})")
        if len(candidates) > 1:
            return Route(
                None, f"the header fits {' and '.join(candidates)} alike: add a column that only one of them has"
            )
        [candidate] = candidates
    problem = _misfit(header, contracts[candidate], contracts, source, named)
    return Route(None if problem else candidate, problem, candidate)


def check_header(
    header: Sequence[str], contract: Columns, contracts: Mapping[str, Columns] | None = None, name: str = ""
) -> HeaderCheck:
    """Compares a header with the contract of the dataset in whose folder the file is. `contracts`: all datasets;
    `name`: the file's name.

    The problem names columns of the contract. It names columns of the file only if its first line is certainly a
    header: it has all required columns, or at least two columns of the contract, which are at least half of its names.
    Otherwise that line may be a row of data, whose values do not belong into a message.
    """
    everything = contracts or {contract.dataset: contract}
    names = named(header, contract)
    absent = tuple(
        column for column in contract.file_names if column not in contract.required_names and column not in names
    )
    problem = _misfit(header, contract, everything, "folder", dataset_named(name, everything)) or _repeated(
        header, names
    )
    if problem:
        return HeaderCheck(problem, (), absent, names)
    extra = tuple(
        dict.fromkeys(column for column in names if column not in contract.file_names and column != MALFORMED)
    )
    return HeaderCheck(None, extra, absent, names, spellings(header, contract.file_names, contract.aliases))


def dataset_named(name: str, contracts: Iterable[str]) -> str | None:
    """The dataset whose name a text contains as whole words; if one name is part of another, the longer. None if the
    text contains several."""
    words = [word for word in re.split(r"[\W_]+", name.casefold()) if word]
    found = []
    for dataset in contracts:
        parts = dataset.split("_")
        found += [
            (start, start + len(parts), dataset)
            for start in range(len(words))
            if words[start : start + len(parts)] == parts
        ]
    longest = {
        dataset
        for start, end, dataset in found
        if not any(other[0] <= start and end <= other[1] and other[1] - other[0] > end - start for other in found)
    }
    return longest.pop() if len(longest) == 1 else None


def named(header: Sequence[str], contract: Columns) -> tuple[str, ...]:
    """The header's names, with those of the contract for its columns."""
    return normalise(header, contract.file_names, contract.aliases)


def missing(header: Sequence[str], contract: Columns) -> list[str]:
    """The required columns that a header lacks."""
    present = set(named(header, contract))
    return [column for column in contract.required_names if column not in present]


def shared(header: Sequence[str], contract: Columns) -> int:
    """The number of the contract's columns that a header has."""
    return len(set(named(header, contract)).intersection(contract.file_names))


def _closest(header: Sequence[str], contracts: Mapping[str, Columns]) -> list[str]:
    """The datasets that share most columns with the header, at least one."""
    columns = {dataset: shared(header, contract) for dataset, contract in contracts.items()}
    most = max(columns.values(), default=0)
    return [dataset for dataset in columns if most and columns[dataset] == most]


def _misfit(
    header: Sequence[str], contract: Columns, contracts: Mapping[str, Columns], source: Source, named: str | None
) -> str | None:
    """Why a file with this header does not fit the dataset that `source` says; None if it fits.

    Reasons: another dataset shares more columns with the header; required columns are missing; the folder and the name
    disagree and the header does not decide; more than half of the header's columns are unknown, and the contract does
    not allow it.
    """
    if any("\0" in text for text in header):
        return "has a NUL character in its header: it is damaged, or it is not a text file"
    dataset, own = contract.dataset, shared(header, contract)
    lacking = missing(header, contract)
    others = {other: shared(header, contracts[other]) for other in contracts if other != dataset}
    nearest = max(others, key=lambda other: others[other], default=None)
    if nearest is not None and others[nearest] > own:
        lacks = f", and lacks of {dataset}: {', '.join(lacking)}" if lacking else ""
        return (
            f"has {_columns(others[nearest])} of {nearest} and {own} of {dataset}, the dataset that its {source}"
            f" says{lacks}"
        )
    if lacking:
        fitting = next((other for other in others if others[other] and not missing(header, contracts[other])), None)
        return _lacking(header, contract, lacking, source, fitting)
    if named is not None and named != dataset and own <= others[named]:
        return (
            f"lies in the folder of {dataset}, its name says {named}, and its header does not settle it: it has"
            f" {_columns(own)} of each"
        )
    unknown = _unknown(header, contract)
    total = len(unknown) + own
    if 2 * len(unknown) > total and not contract.allows_unknown:
        return (
            f"has {len(unknown):,} columns that {dataset} does not know, of {total:,}: more than half; correct the"
            " header, or set the custom property unknownColumns: allow in the contract"
        )
    return None


def _lacking(header: Sequence[str], contract: Columns, lacking: list[str], source: Source, fitting: str | None) -> str:
    """`fitting`: another dataset, all of whose required columns are there."""
    dataset, own = contract.dataset, shared(header, contract)
    if not own:
        return (
            f"has no header: its first line holds none of the columns of {dataset} ({', '.join(contract.file_names)})"
        )
    what = (
        f"no dataset has these columns; the closest is {dataset}, without: {', '.join(lacking)}"
        if source == "columns"
        else f"lacks required columns of {dataset}: {', '.join(lacking)}"
    )
    unknown = _unknown(header, contract)
    instead = (
        f" (it has instead: {', '.join(shown(name) for name in unknown)})"
        if own > 1 and own >= len(unknown) > 0
        else ""
    )
    by = "it shares more columns with" if source == "columns" else f"its {source} says"
    other = (
        f"; it has the required columns of {fitting}, but {by} {dataset}"
        if fitting
        else f"; its name says {dataset}"
        if source == "name"
        else ""
    )
    return what + instead + other


def _unknown(header: Sequence[str], contract: Columns) -> list[str]:
    """The header's names that the contract does not know, without columns that have no name."""
    names = dict.fromkeys(name for place, name in enumerate(named(header, contract), start=1) if name != unnamed(place))
    return [name for name in names if name not in contract.file_names and name != MALFORMED]


def _repeated(header: Sequence[str], names: Sequence[str]) -> str | None:
    """The problem that columns are repeated, or None. A column that is spelled in several ways is named with all."""
    written: dict[str, list[str]] = {}
    for text, name in zip(header, names, strict=True):
        written.setdefault(name, []).append(text)
    repeated = []
    for name, texts in written.items():
        ways = dict.fromkeys(texts)
        if len(texts) > 1:
            repeated.append(name if len(ways) == 1 else f"{name} ({_quoted(ways)})")
    return f"has more than one column named: {', '.join(repeated)}" if repeated else None


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f'"{shown(text)}"' for text in texts)


def _columns(number: int) -> str:
    return f"{number:,} column{'s' * (number != 1)}"
