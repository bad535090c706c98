"""Which dataset a header belongs to. Files and sheets are routed by the columns they have, never by what someone called them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

MALFORMED = "_malformed"
"""Reserved column of a converted sheet: a text in it rejects the row, and is the reason. It is never an extra column."""


class Columns(Protocol):
    """What routing asks of a `Contract`. The workbook reader's process has only this much of it: importing the contracts takes 0.7 s."""

    @property
    def dataset(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def required_names(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Route:
    """Exactly one of the two is set: the dataset, or why there is none."""

    dataset: str | None
    reason: str | None


@dataclass(frozen=True)
class HeaderCheck:
    """`problem`: why no row can be read by this header, or None. `absent`: optional columns of the contract that the file lacks.

    `extra`: columns that the contract does not know; left empty where required ones are missing, because then the first line may be data.
    """

    problem: str | None
    extra: tuple[str, ...]
    absent: tuple[str, ...]


def normalise(header: Sequence[str]) -> tuple[str, ...]:
    """Names as they are compared: byte order mark and surrounding white space off, case-folded; the seventh, if empty, is `column_7`."""
    names = (name.strip().strip("\ufeff").strip().casefold() for name in header)
    return tuple(name or f"column_{place}" for place, name in enumerate(names, start=1))


def route(header: Sequence[str], contracts: Mapping[str, Columns], *, said: str | None = None, name: str = "") -> Route:
    """`said`: the dataset that the sender states (a folder, an option); `name`: a file's or a sheet's name, which may name one.

    The dataset all of whose required columns are in the header. Of several, the one with most of its columns there; of equals, none."""
    del said, name
    present = set(normalise(header))
    fitting = sorted(
        (contract for contract in contracts.values() if present.issuperset(contract.required_names)),
        key=lambda contract: len(present.intersection(contract.names)),
        reverse=True,
    )
    if not fitting:
        return Route(None, _no_dataset(header, contracts))
    most = len(present.intersection(fitting[0].names))
    equals = [contract.dataset for contract in fitting if len(present.intersection(contract.names)) == most]
    if len(equals) > 1:
        return Route(None, f"the header fits {' and '.join(equals)} alike: add a column that only one of them has")
    return Route(equals[0], None)


def _no_dataset(header: Sequence[str], contracts: Mapping[str, Columns]) -> str:
    nearest = closest(header, contracts)
    if nearest is None:
        return f"no dataset has these columns (the datasets: {', '.join(contracts)})"
    present = set(normalise(header))
    missing = [name for name in contracts[nearest].required_names if name not in present]
    return f"no dataset has these columns; the closest is {nearest}, without: {', '.join(missing)}"


def closest(header: Sequence[str], contracts: Mapping[str, Columns], name_hint: str = "") -> str | None:
    """The dataset to hold a file against when none matches: one that its name contains (the longest), else the one that shares most columns.

    None if neither says anything: the name holds no dataset's name and the header none of their columns.
    """
    hint = re.sub(r"[\W_]+", "_", name_hint.casefold())
    named = [dataset for dataset in contracts if dataset in hint]
    if named:
        return max(named, key=len)
    present = set(normalise(header))
    shared = {dataset: len(present.intersection(contract.names)) for dataset, contract in contracts.items()}
    best = max(shared, key=lambda dataset: shared[dataset], default=None)
    return best if best is not None and shared[best] else None


def check_header(header: Sequence[str], contract: Columns) -> HeaderCheck:
    """What a header lacks or has too much of. A problem names columns of the contract; names of the file only where all required are there.

    A file without a header has its first row of data in that place, and a row's values do not belong into a message.
    """
    names = normalise(header)
    present = set(names)
    optional = (name for name in contract.names if name not in contract.required_names)
    absent = tuple(name for name in optional if name not in present)
    missing = [name for name in contract.required_names if name not in present]
    if missing and not present.intersection(contract.names):
        none_of = ", ".join(contract.names)
        return HeaderCheck(f"has no header: its first line holds none of the columns of {contract.dataset} ({none_of})", (), absent)
    if missing:
        return HeaderCheck(f"lacks required columns of {contract.dataset}: {', '.join(missing)}", (), absent)
    known = {*contract.names, MALFORMED}
    extra = tuple(name for name in dict.fromkeys(names) if name not in known)
    repeated = [name for name, times in Counter(names).items() if times > 1]
    return HeaderCheck(f"has more than one column named: {', '.join(repeated)}" if repeated else None, extra, absent)
