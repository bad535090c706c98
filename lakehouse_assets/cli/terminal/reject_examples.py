"""One rejected record for each reason, as an example of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lakehouse_assets.cli.terminal.values import short_text
from lakehouse_assets.contracts import Contract, Contracts

LONGEST_VALUE, MOST_VALUES = 30, 3


@dataclass
class Example:
    """`records`: how many records have the reason. Of the first of them: `shown`, its key and the values that the
    reason is about; `file` and `row`, where it is.
    """

    dataset: str
    reason: str
    records: int
    shown: str
    file: str
    row: int


def examples(records: Iterable[tuple[Any, ...]], contracts: Contracts) -> list[Example]:
    """An example for each reason, by dataset, the most frequent reason first. `records`: rows with the columns of
    `etl.rejected.COLUMNS`."""
    found: dict[tuple[str, str], Example] = {}
    for dataset, _, reasons, raw, source_file, row_number, *_ in records:
        for reason in reasons:
            known = found.get((dataset, reason))
            if known:
                known.records += 1
            else:
                shown = _shown(contracts[dataset], reason, raw)
                found[dataset, reason] = Example(dataset, reason, 1, shown, source_file.split("/")[-1], row_number)
    order = list(contracts)
    return sorted(found.values(), key=lambda example: (order.index(example.dataset), -example.records, example.reason))


def _shown(contract: Contract, reason: str, raw: dict[str, str | None]) -> str:
    short = {name: _short(value) for name, value in raw.items()}
    about = _columns_of(contract, reason) & short.keys()
    if not about:
        return ", ".join(list(short.values())[:MOST_VALUES]) + (", …" if len(short) > MOST_VALUES else "")
    return short_text(
        {
            name: short[name]
            for name in dict.fromkeys((*contract.keys, *contract.names))
            if name in {*about, *contract.keys} & short.keys()
        }
    )


def _columns_of(contract: Contract, reason: str) -> set[str]:
    """The files' columns that a reason is about: it begins with the names of columns, or is the name of a rule with a
    predicate.
    """
    first = reason.partition(":")[0].split(", ")
    predicate = next((rule.predicate for rule in contract.rules if rule.name == reason), "")
    about = (
        [contract.column(name) for name in first]
        if set(first) <= set(contract.names)
        else [column for column in contract.columns if re.search(rf"\b{column.name}\b", predicate)]
    )
    return {name for column in about for name in column.from_files}


def _short(value: str | None) -> str:
    text = value or ""
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
