"""What a contract's rules may say, both engines answer alike: each function and each form of a pattern, on values where
engines are known to differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts import Contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.contracts.support import column, read, schema, things
from lakehouse_assets_tests.etl.support import Given, House, csv_text

PREDICATES = (
    "id > 1 AND NOT price < 0",
    "id IN (1, 2, 3) OR price BETWEEN 0.1 AND 0.3",
    "price <=> 0.5",
    "label IS DISTINCT FROM 'a'",
    "price IS NOT NULL",
    "CASE WHEN price > 1 THEN id < 5 ELSE TRUE END",
    "if(id > 3, price > 1, TRUE)",
    "coalesce(price, 7) = 7",
    "nullif(label, 'a') IS NULL",
    "greatest(id, 3) = 3",
    "least(price, 1) = 1",
    "price + id - 2 * price > 0",
    "-id < -2",
    "id / 2 = 1",
    "price / nullif(size, 0) > 1",
    "id % 2 = 1",
    "size % 3 = -1",
    "price % 1 = 0",
    "abs(size) < 2",
    "coalesce(size * size, 1) - size > 2147483647",
    "price = 0.1 + 0.2",
    "length(label) = 2",
    "concat(label, 'x') = 'ax'",
    "label || '-' || label = 'a-a'",
    "substring(label, 1, 2) = 'ab'",
    "substring(label, 2) = 'b'",
    "startswith(label, 'a')",
    "endswith(label, 'b')",
    "contains(label, '_')",
    "instr(label, 'b') = 2",
    "label LIKE 'a%b'",
    "label LIKE 'a_b'",
    "label = 'a'",
    "label < 'b'",
    "label IN ('a', 'b ')",
    "year(made_on) = 2025",
    "quarter(seen_at) = 2",
    "month(seen_at) = 4",
    "day(made_on) = 30",
    "hour(seen_at) = 11",
    "datediff(made_on, CAST(seen_at AS DATE)) = 0",
    "date_add(made_on, 1) > DATE '2025-04-30'",
    "date_sub(made_on, 1) >= DATE '2025-03-31'",
    "seen_at >= TIMESTAMP '2025-04-01 11:00:00'",
    "try_cast(label AS DATE) = CAST(seen_at AS DATE)",
    "amount > 0.1",
    "amount = 19.99 OR amount IN (0.30, 7)",
    "amount <=> price",
    "amount BETWEEN -1 AND ratio",
    "amount * 3 - 0.01 < price",
    "amount / 3 = 2",
    "coalesce(amount, 7) = 7",
    "greatest(amount, size, 3.5) = 3.5",
    "ratio = 0.1",
    "ratio < 0.3",
    "ratio * 10 = 1",
    "ratio IN (0.5, 7)",
    "coalesce(ratio, 0.1) = 0.1",
    "paid",
    "NOT paid OR size = 0",
    "paid = (size > 0)",
    "paid IS DISTINCT FROM TRUE",
    "CASE WHEN paid THEN amount > 0 END",
    "coalesce(paid, FALSE)",
)
PATTERNS = (
    "^.{3}$",
    "^a.b",
    r"^a\sb$",
    r"^a\Sb$",
    r"^[\s]+$",
    "^a$|^b$",
    "a$",
    "^[^a]$",
    r"^\w+$",
    r"^\W+$",
    r"\D",
    r"^\d+$",
    "^(a|b){0,99}$",
    "^(?:ab)?$",
    r"\.|\$|\\",
    "^é",
)
LABELS = (
    *(
        "a",
        "ab",
        "b",
        "b ",
        "ba",
        "aab",
        "éb",
        "é",
        "ß",
        "İ",
        "a_b",
        "axb",
        "a.b",
        "a$",
        "\\",
        "10",
        "2025-04-01",
        "2025-02-30",
        "abc",
        "a b",
    ),
    *(
        "\u00a0",
        "a\n",
        "a\nb",
        "a\rb",
        "a\u2028b",
        "a\u0085b",
        "a\x0bb",
        "a\tb",
        "\n",
        "\t\f",
        "\x0b",
        "😀",
        "a😀b",
        "e\u0301",
        "٣",
    ),
)
NUMBERS = ("0.1", "0.30000000000000004", "0.5", "-0.5", "7", "1e10", "-1e300", "", "2.5", "0")
SIZES = ("0", "-1", "-4", "3", "", "2147483647", "-2147483648")
AMOUNTS = ("0.10", "19.99", "0.30", "7", "-1", "", "6.00", "99999999.99", "0.29", "3.5")
RATIOS = ("0.1", "0.3", "0.5", "7", "", "-0.1", "16777217", "1e-40")
BOOLEANS = ("true", "0", "", "FALSE", "1")
DAYS = ("2025-04-01", "2025-04-30", "2024-02-29", "1969-12-31", "2025-12-31")
MOMENTS = (
    "2025-04-01T11:27:00",
    "2025-04-30T23:59:59",
    "1969-12-31T23:59:59",
    "2024-02-29T00:00:00",
    "",
    "2025-04-01T11:00:00+02:00",
)


HEADER = ("id", "label", "price", "made_on", "size", "seen_at", "amount", "ratio", "paid")


def contracts_with_all_rules(folder: Path) -> tuple[Contracts, list[str]]:
    said = [*PREDICATES, *(f"label RLIKE '{pattern.replace(chr(92), chr(92) * 2)}'" for pattern in PATTERNS)]
    document = things()
    properties = schema(document)["properties"]
    properties.append({"name": "size", "logicalType": "integer", "physicalType": "int"})
    properties.append({"name": "seen_at", "logicalType": "timestamp", "physicalType": "timestamp"})
    properties.append(
        {"name": "amount", "physicalType": "decimal(10,2)", "logicalTypeOptions": {"minimum": -0.5, "maximum": 1e6}}
    )
    properties.append({"name": "ratio", "physicalType": "float", "logicalTypeOptions": {"exclusiveMinimum": 0.1}})
    properties.append({"name": "paid", "logicalType": "boolean"})
    column(document, "amount")["enum"] = [{"value": value} for value in (0.1, 19.99, 7)]
    column(document, "ratio")["enum"] = [{"value": value} for value in (0.1, 0.3, 0.5)]
    column(document, "label")["required"] = False
    schema(document)["quality"] = [rule(f"r{number:02}", implementation) for number, implementation in enumerate(said)]
    column(document, "label")["logicalTypeOptions"] = {"pattern": r"^[^\s]+.[0-9]*$"}
    return read(folder, things=document), said


def rule(name: str, implementation: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "custom",
        "engine": "lakehouse",
        "severity": "reject",
        "implementation": implementation,
    }


def rows() -> list[tuple[str, ...]]:
    """Each label with a number, a day and a moment, in turn; all texts are in quotes, so that an empty one is none."""
    return [
        (
            str(n + 1),
            label,
            NUMBERS[n % len(NUMBERS)],
            DAYS[n % len(DAYS)],
            SIZES[n % len(SIZES)],
            MOMENTS[n % len(MOMENTS)],
            AMOUNTS[n % len(AMOUNTS)],
            RATIOS[n % len(RATIOS)],
            BOOLEANS[n % len(BOOLEANS)],
        )
        for n, label in enumerate((*LABELS, *LABELS[:20], "a", "a"))
    ]


def reasons(engine: Engine, folder: Path, contracts: Contracts) -> dict[int, set[str]]:
    """By row number, the rules that it breaks."""
    folder.mkdir()
    house = House(engine, folder, contracts)
    house.load("things", "b1", Given("f.csv", csv_text(HEADER, rows())))
    return {record["row_number"]: set(record["reasons"]) for record in house.rejects("things")}


@pytest.mark.spark
def test_every_rule_that_is_taken_is_answered_alike_on_odd_values(
    embedded: Engine, spark: Engine, tmp_path: Path
) -> None:
    contracts, said = contracts_with_all_rules(tmp_path)
    one, other = (reasons(engine, tmp_path / engine.name, contracts) for engine in (embedded, spark))
    differing = {
        said[int(name[1:])] if name[1:].isdigit() else name
        for row in one.keys() | other.keys()
        for name in one.get(row, set()) ^ other.get(row, set())
    }
    assert differing == set()
    broken = [sum(f"r{number:02}" in found for found in one.values()) for number in range(len(said))]
    never = [implementation for implementation, times in zip(said, broken, strict=True) if not 0 < times < len(rows())]
    assert never == [], "a rule that all rows keep, or break, shows nothing"
