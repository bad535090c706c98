"""The page of the rejected records and of files that are quarantined."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from docs_reference.contract_rules import example_contract
from docs_reference.markdown import bullets, code, page, paragraph, plain
from lakehouse_assets.assets.metadata import REJECTED_DESCRIBED
from lakehouse_assets.contracts import Contract, Kind, Severity, read_contracts
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS
from lakehouse_assets.etl.plan import hint
from lakehouse_assets.etl.plan.partition import partition_rules
from lakehouse_assets.etl.plan.resolve import CORRECTED, HEALED, REPLAYED
from lakehouse_assets.etl.rejected import State
from lakehouse_assets.landing.csv_files import formats
from lakehouse_assets.landing.routing import route
from lakehouse_assets.landing.workbooks import cell_check, styles, xml

INTRODUCTION = (
    "Every row that is rejected is kept, with its raw text and all reasons: `lakehouse rejects` shows the records, and"
    " Athena has a table `rejected_<dataset>` for each dataset. A file that cannot be read at all is quarantined under"
    " `rejected/files/`. A reason names columns, never a value of the row."
)
FIRST = ("record_id", "dataset")
OF_THIS_PAGE = {
    "state": "See [States](#states). Only `lakehouse rejects` has it.",
    "reasons": "Every reason, see [Reasons](#reasons).",
    "resolution": "How it was resolved, see [Resolutions](#resolutions).",
}
COLUMNS = {
    name: OF_THIS_PAGE.get(name) or REJECTED_DESCRIBED[name]
    for name in (*FIRST, "state", *(name for name in REJECTED_DESCRIBED if name not in FIRST))
}
"""The columns of the tables and of `lakehouse rejects`."""
STATES = {
    State.OPEN: "Nothing that came would correct it. Load a corrected row of the same key, or the parent and the row.",
    State.WAITING: "Only its parent is missing. The row is loaded automatically once the parent is.",
    State.RESOLVED: "A later batch loaded the row, or a newer row of its key.",
}
RESOLUTIONS = {
    HEALED: "The missing parent came, and the row itself was loaded.",
    CORRECTED: "A newer row of the same key was accepted.",
    REPLAYED: "The same row came again and was accepted, for example after a rule of the contract was changed.",
}
ROW = {
    "5 fields where the header has 4": "The line has too many or too few fields: an unquoted delimiter or line break.",
    "cell B7: …": "A cell of a workbook that cannot be read as Excel shows it, see [Cells](#cells). Correct the cell.",
}
"""Reasons that are not of the contract."""
HEADERS = {
    "A column is missing": ("order_id", "user_id", "total_amount"),
    "No header": ("1", "2025-04-01", "42.50"),
    "Of another dataset": ("product_id", "department_id", "department", "product_name"),
    "Mostly unknown columns": (
        "order_num",
        "order_id",
        "user_id",
        "order_timestamp",
        "total_amount",
        "date",
        *(f"extra_{number}" for number in range(1, 8)),
    ),
}
"""Headers of a file that lies in the folder of `orders`."""


def rejects_page() -> str:
    """docs/reference/rejects.md"""
    contract = example_contract()
    return page(
        "Rejected records",
        INTRODUCTION,
        "## Columns",
        bullets(f"{code(name)} ({_type(name)}): {text}" for name, text in COLUMNS.items()),
        "## States",
        bullets(f"{code(state)}: {text}" for state, text in STATES.items()),
        "## Resolutions",
        bullets(f"{code(name)}: {text}" for name, text in RESOLUTIONS.items()),
        "## Reasons",
        paragraph("The examples are of the contract on the page [Contracts](contracts.md#an-example)."),
        bullets(f"{code(reason)}: {plain(text)}" for reason, text in reasons(contract).items()),
        "### Cells",
        paragraph("A cell of a workbook is named with what is there instead of a value:"),
        bullets(code(text) for text in cells()),
        "## Files that are quarantined",
        paragraph("By the header. In these examples, the file is in the folder of `orders`:"),
        bullets(f"{title}: {code(reason)}" for title, reason in header_reasons().items()),
        paragraph("By the content:"),
        bullets(code(f"is {what}") for what in foreign_formats()),
    )


def reasons(contract: Contract) -> dict[str, str]:
    """Each reason of a rejected row for a contract, and what it asks for."""
    found = [f"{column.name}: required" for column in contract.columns if column.required][:1]
    for kind in Kind:
        found += [f"{column.name}: not {column.type}" for column in contract.file_columns if column.kind is kind][:1]
    rules = [rule for rule in contract.rules if rule.severity is Severity.REJECT]
    found += [rule.name for rule in (*rules, *partition_rules(contract))]
    found += [parent.reason for parent in contract.parents]
    never = f"{next(c.name for c in contract.columns if c.kind is Kind.STRING)}: not {Kind.STRING}"
    return {reason: hint(reason, contract) or "" for reason in found if reason != never} | ROW


def cells() -> list[str]:
    """What is said of a cell of a workbook that cannot be taken, from the functions that say it."""
    texts = [text for module in (cell_check, styles) for text in _returned(module)]
    return sorted({*texts, *(text for text in FAULTS if text in inspect.getsource(xml))})


FAULTS = ("an error value", "a formula without a saved value")
"""What `xml` itself says of a cell."""


def header_reasons() -> dict[str, str]:
    """Why a file with such a header is quarantined."""
    contracts = read_contracts()
    found = {title: route(header, contracts, said="orders").reason for title, header in HEADERS.items()}
    return {title: reason for title, reason in found.items() if reason}


def foreign_formats() -> list[str]:
    """Formats that are recognized by their content, with what to do."""
    by_magic = [what for _, what in formats.BY_MAGIC]
    heads = (
        b"\0" * 257 + b"ustar",
        b"PK\3\4opendocument.spreadsheet",
        b"PK\3\4xl/workbook.xml",
        b"PK\3\4",
        b"ORC\1\2",
        b"<?xml version='1.0'?>",
        b"<html>",
        b'{"a": 1}',
    )
    return sorted({*by_magic, *(what for head in heads if (what := formats.foreign_format(head)))})


def _type(name: str) -> str:
    return code(REJECTED_COLUMNS.get(name, "string"))


def _returned(module: object) -> Iterator[str]:
    """The texts that the functions of a module return for a person; `…` is what they put in."""
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and node.value is not None:
            yield from (text for text in _texts(node.value) if " " in text)


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts of an expression, each f-string as one."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for inner in ast.iter_child_nodes(node):
            yield from _texts(inner)
