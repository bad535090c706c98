"""`lakehouse explain`: a dataset's contract in plain words, and the SQL that validates its rows."""

from __future__ import annotations

import sys
import textwrap
from typing import Annotated

import sqlglot
import typer
from rich.syntax import Syntax

from lakehouse_assets.cli.options import datasets, require_dataset
from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.contracts import Contract, Contracts, Severity, read_contracts
from lakehouse_assets.etl.plan import decide_sql, judge_sql
from lakehouse_assets.etl.plan.partition import partition_rules
from lakehouse_assets.etl.plan.types import form_of
from lakehouse_assets.settings import read_settings


def explain(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="A dataset that has a contract.", show_default=False, autocompletion=datasets
        ),
    ],
) -> None:
    """Explain a dataset's contract and the SQL that validates it.

    Prints the columns, the format of their values, the rules in plain words, and the generated SQL.
    """
    settings = read_settings()
    contracts = read_contracts(settings.contracts)
    require_dataset(dataset, contracts)
    contract = contracts[dataset]
    console = stdout()
    width = console.width if console.is_terminal else sys.maxsize

    def write(text: str = "", style: str = "") -> None:
        console.print(text, style=style or None, soft_wrap=not console.is_terminal)

    write(f"{dataset}: {contract.description}", "bold")
    write(f"Contract: {settings.contracts / contract.document}, version {contract.contract_version}")
    write()
    write("Columns", "bold")
    rows = [
        (
            c.name,
            c.type,
            "calculated" if c.derived else "required" if c.required else "optional",
            "; ".join(_roles(contract, c.name)),
            c.description,
        )
        for c in contract.columns
    ]
    print_table(("column", "type", "", "role", "meaning"), rows)
    if contract.aliases:
        write()
        write("Names in files", "bold")
        rows_of_names = [(c.name, ", ".join(map(repr, (c.name, *c.headers)))) for c in contract.columns if c.headers]
        print_table(("column", "names in a file's header"), rows_of_names)
    write()
    write("Formats", "bold")
    print_table(("type", "format of a value"), _forms(contract))
    for heading, sentences in _in_plain_words(contract, contracts):
        write()
        write(heading, "bold")
        for sentence in sentences:
            write(textwrap.fill(sentence, width, initial_indent="  - ", subsequent_indent="    "))
    for heading, sql in (
        ("The SQL that validates each row by itself", judge_sql(contract)),
        ("The SQL that decides the outcome of each row", decide_sql(contract)),
    ):
        write()
        write(f"{heading} (in Spark's dialect; the embedded engine runs it in DuckDB's)", "bold")
        _print_sql(sql)


def _roles(contract: Contract, column: str) -> list[str]:
    key = "key"
    if len(contract.keys) > 1 and column in contract.keys:
        key = f"key, {contract.keys.index(column) + 1} of {len(contract.keys)}"
    roles = {key: contract.keys, "version": (contract.version,), "partition": (contract.partition,)}
    return [role for role, names in roles.items() if column in names] + [
        f"-> {parent.target}" for parent in contract.parents if column in parent.columns
    ]


def _forms(contract: Contract) -> list[tuple[str, str]]:
    """A format of each type, and of each column that has another one."""
    own = {column.name for column in contract.columns if column.form or column.true_values[:1] not in ((), ("true",))}
    return list(
        dict.fromkeys(
            (f"{column.name} ({column.type})" if column.name in own else column.type, form_of(column))
            for column in contract.columns
        )
    )


def _missing_values(contract: Contract) -> str:
    """What follows "an empty cell": the words that most columns have, then those of the others."""
    by_words: dict[tuple[str, ...], list[str]] = {}
    for column in contract.file_columns:
        by_words.setdefault(column.missing_values, []).append(column.name)
    if [*by_words] == [()]:
        return ", not a word such as NULL or NA (missingValues lists such words)"
    usual, *others = sorted(by_words, key=lambda words: -len(by_words[words]))
    said = [f", or {' or '.join(usual)}"] if usual else []
    said += [f"; in {', '.join(by_words[words])}: {' or '.join(words) or 'no word'}" for words in others]
    return "".join(said)


def _in_plain_words(contract: Contract, contracts: Contracts) -> list[tuple[str, list[str]]]:
    required = [column.name for column in contract.columns if column.required]
    rejected = [
        f"a required value is missing: {', '.join(required)} (reason: <column>: required)",
        (
            "a value does not have the format of its type (reason: <column>: not <type>); a missing value is an empty"
            f" cell{_missing_values(contract)}"
        ),
        "it has more or fewer fields than the header",
        *(
            f"it breaks this rule: {rule.description.rstrip('.')} (reason: {rule.name})"
            for rule in contract.rules
            if rule.severity is Severity.REJECT
        ),
        *(
            f"it breaks this rule: {rule.description.rstrip('.')} (reason: {rule.name})"
            for rule in partition_rules(contract)
        ),
        *(
            f"{parent.columns_in_words} {'is' if len(parent.columns) == 1 else 'are together'} in no row of"
            f" {parent.dataset} (reason: {parent.reason}); the record waits, and is loaded automatically after that row"
            for parent in contract.parents
        ),
    ]
    warnings = [
        f"{rule.description.rstrip('.')} ({rule.name})" for rule in contract.rules if rule.severity is Severity.WARN
    ]
    wins = (
        f"the row with the greatest {contract.version} is kept; if equal, the row of the later file"
        if contract.version
        else "the row of the later file is kept"
    )
    children = [
        child.dataset
        for child in contracts.values()
        if any(parent.dataset == contract.dataset for parent in child.parents)
    ]
    parts = [
        ("A row is rejected, and stored with all its reasons, if", rejected),
        ("A row is loaded with a warning if it breaks this rule", warnings),
        (
            f"If several rows have the same {contract.key_in_words}",
            [
                wins,
                (
                    "a row equal to the table's row is unchanged, and a row older than the table's row is stale:"
                    " neither changes the table"
                ),
            ],
        ),
        (
            "Columns that are calculated",
            [f"{c.name}, from {', '.join(c.sources)}: {c.derived}" for c in contract.columns if c.derived],
        ),
        (
            "Datasets that refer to this one",
            [f"{child}: a row waits until its row of {contract.dataset} is loaded" for child in children],
        ),
    ]
    return [(heading, sentences) for heading, sentences in parts if sentences]


def _print_sql(sql: str) -> None:
    console = stdout()
    pretty = sqlglot.transpile(sql, read="spark", write="spark", pretty=True)[0]
    if not console.is_terminal:
        console.file.write(pretty + "\n")
        return
    console.print(Syntax(pretty, "sql", theme="ansi_dark", background_color="default", word_wrap=True))
