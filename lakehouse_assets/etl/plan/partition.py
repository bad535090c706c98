"""Rules for the values of a partition column: a value becomes part of the names of the table's objects, and every
writer must return it unchanged.
"""

from __future__ import annotations

from lakehouse_assets.contracts import Contract, Kind, Rule, Severity

VALUE_BYTES = 200
"""The key of a data file is `<tables_prefix><dataset>/<column>=<value>/<file>`, and S3 allows keys of 1,024 bytes.
delta-rs writes each byte of a value that is not an ASCII letter, a digit or one of `-._~` as three bytes (`%C3`), Spark
fewer (measured with all of ASCII and with letters beyond it). So a value takes 600 bytes at most. The name of a dataset
or a column has 63 at most, a file's name 66 (`part-00000-<UUID>.c000.snappy.parquet`, and room for more parts). This
leaves 224 for the prefix, which the settings limit to 200.
"""
NULL_OF_HIVE = "__HIVE_DEFAULT_PARTITION__"
"""Spark reads the values of its own files from the folders' names, where this name means NULL. delta-rs keeps the text;
Spark loses it when it rewrites the row.
"""


def partition_rules(contract: Contract) -> list[Rule]:
    """Returns the rules that the plan adds to the contract's own. Numbers and dates need none."""
    if contract.partition is None or contract.column(contract.partition).kind is not Kind.STRING:
        return []
    name = f"`{contract.partition}`"
    # A character has four bytes at most, so few values have to be encoded to count their bytes.
    fits = f"(length({name}) <= {VALUE_BYTES // 4} OR octet_length(encode({name}, 'utf-8')) <= {VALUE_BYTES})"
    rules = {
        f"too long for a partition value (at most {VALUE_BYTES} bytes)": (
            fits,
            f"has at most {VALUE_BYTES} bytes in UTF-8, as its value is part of S3's keys",
        ),
        "NUL character in a partition value": (
            f"instr({name}, char(0)) = 0",
            "has no NUL character, which Spark cannot write into a name",
        ),
        f"{NULL_OF_HIVE} is not a partition value": (
            f"{name} <> '{NULL_OF_HIVE}'",
            f"is not {NULL_OF_HIVE}, which Spark writes for a missing value",
        ),
    }
    return [
        Rule(f"{contract.partition}: {reason}", predicate, Severity.REJECT, f"{contract.partition} {words}.")
        for reason, (predicate, words) in rules.items()
    ]
