"""`lakehouse explain`: what a dataset's contract asks of a row, in plain words, and the SQL that judges it."""

from __future__ import annotations

import sys
import textwrap
from typing import Annotated

import sqlglot
import typer
from rich.syntax import Syntax

from lakehouse_assets.cli.options import datasets
from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.contracts import Contract, Contracts, Severity, read_contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.plan import decide_sql, judge_sql
from lakehouse_assets.etl.plan.partition import partition_rules
from lakehouse_assets.etl.plan.types import FORMS
from lakehouse_assets.settings import read_settings


def explain(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="A dataset that has a contract.", show_default=False, autocompletion=datasets
        ),
    ],
) -> None:
    """Explain a dataset's contract and the SQL that validates it."""
    settings = read_settings()
    contracts = read_contracts(settings.contracts)
    if dataset not in contracts:
        raise BadConfiguration(f"There is no dataset {dataset}. The datasets: {', '.join(contracts)}")
    contract = contracts[dataset]
    console = stdout()
    width = console.width if console.is_terminal else sys.maxsize

    def say(text: str = "", style: str = "") -> None:
        console.print(text, style=style or None, soft_wrap=not console.is_terminal)

    say(f"{dataset}: {contract.description}", "bold")
    say(f"Contract: {settings.contracts / contract.document}, version {contract.contract_version}")
    say()
    say("Columns", "bold")
    rows = [
        (
            c.name,
            c.kind,
            "required" if c.required else "may be empty",
            "; ".join(_roles(contract, c.name)),
            c.description,
        )
        for c in contract.columns
    ]
    print_table(("column", "type", "", "role", "meaning"), rows)
    say()
    say("How a value is written", "bold")
    print_table(("type", "written as"), _forms(contract))
    for heading, sentences in _in_plain_words(contract, contracts):
        say()
        say(heading, "bold")
        for sentence in sentences:
            say(textwrap.fill(sentence, width, initial_indent="  - ", subsequent_indent="    "))
    for heading, sql in (
        ("The SQL that judges each row by itself", judge_sql(contract)),
        ("The SQL that decides what becomes of it", decide_sql(contract)),
    ):
        say()
        say(f"{heading} (Spark's dialect; the embedded engine runs the same in DuckDB's)", "bold")
        _print_sql(sql)


def _roles(contract: Contract, column: str) -> list[str]:
    roles = {contract.key: "key", contract.version: "version", contract.partition: "partition"}
    return [role for name, role in roles.items() if name == column] + [
        f"-> {p.dataset}.{p.key}" for p in contract.parents if p.column == column
    ]


def _forms(contract: Contract) -> list[tuple[str, str]]:
    return [(kind, FORMS[kind]) for kind in dict.fromkeys(column.kind for column in contract.columns)]


def _in_plain_words(contract: Contract, contracts: Contracts) -> list[tuple[str, list[str]]]:
    required = [column.name for column in contract.columns if column.required]
    rejected = [
        f"one of these is missing: {', '.join(required)} (reason: <column>: required)",
        (
            "a value is not written as its type says (reason: <column>: not <type>); a missing value is an empty cell,"
            " no word such as NULL or NA"
        ),
        "it has more or fewer fields than the header",
        *(
            f"it breaks this: {rule.description.rstrip('.')} (reason: {rule.name})"
            for rule in contract.rules
            if rule.severity is Severity.REJECT
        ),
        *(
            f"it breaks this: {rule.description.rstrip('.')} (reason: {rule.name})"
            for rule in partition_rules(contract)
        ),
        *(
            f"{parent.column} is in no row of {parent.dataset} (reason: {parent.reason}); it waits, and is loaded by"
            " itself when that comes"
            for parent in contract.parents
        ),
    ]
    warnings = [
        f"{rule.description.rstrip('.')} ({rule.name})" for rule in contract.rules if rule.severity is Severity.WARN
    ]
    wins = (
        f"the greatest {contract.version}; of equals that of the later file"
        if contract.version
        else "that of the later file"
    )
    children = [
        child.dataset
        for child in contracts.values()
        if any(parent.dataset == contract.dataset for parent in child.parents)
    ]
    said = [
        ("A row is rejected, and kept with every reason, when", rejected),
        ("A row is loaded all the same, with a warning, when it breaks this", warnings),
        (
            f"Of several rows with one {contract.key}",
            [
                f"one stays: {wins}",
                (
                    "a row that says what the table says is unchanged; one that is older than the table's is stale:"
                    " neither changes anything"
                ),
            ],
        ),
        (
            "Datasets whose rows wait for it",
            [f"{child}: a row of it waits until its row of {contract.dataset} is there" for child in children],
        ),
    ]
    return [(heading, sentences) for heading, sentences in said if sentences]


def _print_sql(sql: str) -> None:
    console = stdout()
    pretty = sqlglot.transpile(sql, read="spark", write="spark", pretty=True)[0]
    if not console.is_terminal:
        console.file.write(pretty + "\n")
        return
    console.print(Syntax(pretty, "sql", theme="ansi_dark", background_color="default", word_wrap=True))
