"""What a row rule may say, with an example of each function, and what is refused, with the message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from lakehouse_assets.contracts import SHIPPED, Contract, read_contracts
from lakehouse_assets.contracts.predicates import UnfitPredicate, predicate_of
from lakehouse_assets.contracts.reader import examine

EXAMPLE = Path(__file__).with_name("deliveries.odcs.yaml")
OF_SEVERAL_COLUMNS = tuple(Path(__file__).with_name(f"{name}.odcs.yaml") for name in ("scans", "complaints"))
"""Examples of a key of several columns, and of a parent with such a key."""
RULES: Mapping[str, str] = {
    "AND OR NOT": "NOT (weight > 20 AND carrier = 'post') OR parcels = 1",
    "comparisons": "parcels <> 13",
    "<=>": "parcels <=> 1 OR parcels IS DISTINCT FROM 2",
    "IN": "carrier IN ('post', 'courier')",
    "BETWEEN": "weight BETWEEN 0 AND 20",
    "IS NULL": "tracking_code IS NOT NULL",
    "CASE": "CASE WHEN carrier = 'post' THEN weight <= 20 ELSE TRUE END",
    "if": "if(carrier = 'post', weight <= 20, TRUE)",
    "coalesce": "coalesce(parcels, 1) < 100",
    "nullif": "nullif(parcels, 0) > 0",
    "greatest": "greatest(weight, parcels) < 100",
    "least": "least(weight, parcels) > 0",
    "+ - * / %": "(weight + 1) * 2 - parcels / 2 < 100 AND parcels % 2 = 0 AND -weight < 0",
    "abs": "abs(weight) < 100",
    "length": "length(tracking_code) >= 8",
    "concat": "concat(carrier, '-', tracking_code) <> carrier || '-'",
    "substring": "substring(tracking_code, 1, 2) = 'DE'",
    "startswith": "startswith(tracking_code, 'DE')",
    "endswith": "endswith(tracking_code, '0')",
    "contains": "contains(tracking_code, '00')",
    "instr": "instr(tracking_code, '00') = 0",
    "LIKE": "tracking_code LIKE 'DE%'",
    "RLIKE": "tracking_code RLIKE '^[A-Z]{2}[0-9]+$'",
    "year": "year(sent_at) >= 2020",
    "quarter": "quarter(sent_at) BETWEEN 1 AND 4",
    "month": "month(sent_at) <= 12",
    "day": "day(sent_at) <= 31",
    "hour": "hour(sent_at) BETWEEN 6 AND 22",
    "datediff": "datediff(delivered_on, CAST(sent_at AS DATE)) <= 60",
    "date_add": "delivered_on <= date_add(CAST(sent_at AS DATE), 60)",
    "date_sub": "date_sub(delivered_on, 60) <= CAST(sent_at AS DATE)",
    "try_cast(… AS DATE)": "try_cast(tracking_code AS DATE) IS NULL",
    "CAST(a timestamp AS DATE)": "CAST(sent_at AS DATE) <= delivered_on",
    "DATE '…'": "delivered_on >= DATE '2020-01-01'",
    "TIMESTAMP '…'": "sent_at >= TIMESTAMP '2020-01-01 00:00:00'",
}
"""A rule of the example contract for each thing that `predicates.ALLOWED_SYNTAX` lists."""
REFUSED_RULES = (
    "sent_at <= now()",
    "rand() < 0.5",
    "upper(carrier) = 'POST'",
    "round(weight, 2) = weight",
    "CAST(tracking_code AS INT) > 0",
    "weight / parcels < 20",
    "delivered_on > '2020-01-01'",
    "parcels > (SELECT 1)",
    "colour = 'red'",
    "tracking_code RLIKE '(-[0-9]+)*'",
    "tracking_code RLIKE '\\\\bDE'",
    "weight",
)
"""Rules that look right and are not taken."""
Change = Callable[[dict[str, Any]], object]


def _column(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in document["schema"][0]["properties"] if each["name"] == name)
    return found


REFUSED: Mapping[str, Change] = {
    "A column of a type that there is not": lambda d: _column(d, "weight").update(physicalType="varchar(10)"),
    "A name with capital letters": lambda d: _column(d, "weight").update(name="Weight"),
    "A reserved name": lambda d: _column(d, "weight").update(name="batch_id"),
    "A position of the key that is there twice": lambda d: [
        _column(d, name).update(primaryKey=True, primaryKeyPosition=1) for name in ("delivery_id", "order_id")
    ],
    "No key": lambda d: _column(d, "delivery_id").pop("primaryKey"),
    "A key that may be missing": lambda d: _column(d, "delivery_id").update(required=False),
    "A unique column beside the key": lambda d: _column(d, "tracking_code").update(unique=True),
    "An option that nothing checks": lambda d: _column(d, "weight").update(logicalTypeOptions={"multipleOf": 2}),
    "A bound of a text": lambda d: _column(d, "carrier").update(logicalTypeOptions={"minimum": 1}),
    "An allowed value of another type": lambda d: _column(d, "parcels").update(enum=[{"value": "one"}]),
    "A format of a date that lacks the year": lambda d: _column(d, "delivered_on").update(
        logicalTypeOptions={"format": "dd.MM."}
    ),
    "Two columns of one name in the files": lambda d: _column(d, "weight").update(physicalName="Carrier"),
    "A calculated column that changes over time": lambda d: _column(d, "sent_month").update(
        transformLogic="CAST(current_date() AS DATE)"
    ),
    "A parent without a contract": lambda d: _column(d, "order_id").update(relationships=[{"to": "shops.shop_id"}]),
    "A parent by another column than its key": lambda d: _column(d, "order_id").update(
        relationships=[{"to": "orders.user_id"}]
    ),
    "A parent by fewer columns than its key has": lambda d: _column(d, "delivery_id").update(
        relationships=[{"to": "scans.delivery_id"}]
    ),
    "A parent with more columns than refer to it": lambda d: d["schema"][0].update(
        relationships=[{"from": ["deliveries.delivery_id"], "to": ["scans.delivery_id", "scans.scan_number"]}]
    ),
    "A version that is not a column": lambda d: d["schema"][0]["customProperties"][0].update(value="changed_at"),
    "A rule of another engine": lambda d: d["schema"][0]["quality"][0].update(engine="soda"),
    "Two datasets in one document": lambda d: d["schema"].append(dict(d["schema"][0])),
    "Another version of the standard": lambda d: d.update(apiVersion="v2.2.2"),
}
"""Changes of the example contract, each of which makes it one that cannot be used."""


@cache
def example_contract() -> Contract:
    """The example contract, read beside the shipped ones."""
    with TemporaryDirectory() as folder:
        _contracts_beside(Path(folder))
        return read_contracts(Path(folder))["deliveries"]


def refusal_of_rule(rule: str) -> str:
    """Why a rule over the example's columns is refused."""
    try:
        predicate_of(rule, {column.name: column for column in example_contract().columns})
    except UnfitPredicate as unfit:
        return str(unfit)
    raise AssertionError(f"{rule} is taken")


def refusal(change: Change) -> str:
    """What the reader says of the example contract after a change."""
    document = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    change(document)
    with TemporaryDirectory() as folder:
        _contracts_beside(Path(folder), yaml.safe_dump(document))
        first, *_ = examine(sorted(Path(folder).glob("*.odcs.yaml")))[1].in_order()
        return first.text


def _contracts_beside(folder: Path, document: str | None = None) -> None:
    for path in (*SHIPPED.glob("*.odcs.yaml"), *OF_SEVERAL_COLUMNS):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / EXAMPLE.name).write_text(document or EXAMPLE.read_text("utf-8"), "utf-8")
