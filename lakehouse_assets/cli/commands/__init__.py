"""The commands of the command line, one file each, and the table of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """`function`: the module in this package and the function of the command. `summary`: the first line of the
    function's docstring, for the list of commands. `examples`: command lines for the end of the command's help.
    """

    function: str
    summary: str
    examples: tuple[str, ...]


GROUPS = {"contract": "Check the contract of a dataset, or draft one from files."}
"""The first word of commands that have two, and its line in the list of commands."""
COMMANDS = {
    "load": Entry(
        "load:load",
        "Upload files, run one batch, print the load report.",
        (
            "lakehouse load orders.xlsx items/ products.csv.gz",
            "lakehouse load --dataset orders --fail-above 0.05 --json export.csv",
        ),
    ),
    "validate": Entry(
        "validate:validate",
        "Show what a load of files would do; write nothing.",
        ("lakehouse validate orders.xlsx items/", "lakehouse validate --json --fail-above 0.01 export.csv"),
    ),
    "put": Entry(
        "load:put",
        "Upload files only; the next batch loads them.",
        ("lakehouse put monday/",),
    ),
    "query": Entry(
        "query:query",
        "Run a read-only SQL query through Athena.",
        (
            "lakehouse query top_customers",
            'lakehouse query "SELECT count(*) AS orders FROM orders" --format json',
        ),
    ),
    "check": Entry(
        "check:check",
        "Check that the tables are valid and complete.",
        ("lakehouse check",),
    ),
    "rejects": Entry(
        "rejects:rejects",
        "List the rejected records, with their reasons.",
        (
            "lakehouse rejects --dataset order_items --reason order_id",
            "lakehouse rejects --since 2025-04-01 --all --format csv",
        ),
    ),
    "history": Entry(
        "history:history",
        "List every batch and file: when, outcome, counts.",
        ("lakehouse history --json",),
    ),
    "explain": Entry(
        "explain:explain",
        "Explain a dataset's contract and the SQL that validates it.",
        ("lakehouse explain orders",),
    ),
    "contract new": Entry(
        "contract_new:new",
        "Draft a contract from files.",
        ("lakehouse contract new --into contracts suppliers.csv",),
    ),
    "contract check": Entry(
        "contract:check",
        "Check contracts: list all faults, each with its line.",
        ("lakehouse contract check contracts/suppliers.odcs.yaml",),
    ),
    "abandon": Entry(
        "abandon:abandon",
        "Abandon an open batch that cannot succeed.",
        ('lakehouse abandon --reason "The file was sent by mistake." --yes',),
    ),
    "maintain": Entry(
        "maintain:maintain",
        "Compact the tables and delete old versions.",
        ("lakehouse maintain --retain-hours 336",),
    ),
    "up": Entry(
        "up:up",
        "Run Dagster (UI and daemon) and the embedded AWS until Ctrl-C.",
        ("lakehouse up --port 3001",),
    ),
    "down": Entry(
        "up:down",
        "Stop what lakehouse up runs for this home.",
        ("lakehouse down",),
    ),
    "env": Entry(
        "env:env",
        "Print how other programs connect to the embedded AWS.",
        ('eval "$(lakehouse env)"', "lakehouse env --format json"),
    ),
    "doctor": Entry(
        "doctor:doctor",
        "Check this installation, and say what to do.",
        ("lakehouse doctor",),
    ),
    "demo": Entry(
        "demo:demo",
        "Load sample files and show the results; leaves nothing behind.",
        ("lakehouse demo",),
    ),
}
"""The commands by their full names, in the order of `lakehouse --help`. The documentation's examples are these, too."""
