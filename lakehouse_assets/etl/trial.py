"""Tries the plans of contracts on empty tables in the engines that will run them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib.metadata import version
from pathlib import Path

from lakehouse_assets.contracts import Contract
from lakehouse_assets.contracts.faults import Faults, refuse
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.plan import fingerprint

PACKAGES = {"embedded": "duckdb", "spark": "pyspark"}
"""The package whose version decides whether an engine runs a plan."""


def try_plans(contracts: Collection[Contract], engines: Iterable[Engine], noted: Path | None = None) -> None:
    """Raises BadConfiguration that lists what the engines cannot run. `noted`: see `add_plan_faults`."""
    faults = Faults()
    for engine in engines:
        add_plan_faults(contracts, engine, faults, noted)
    refuse(faults.in_order())


def add_plan_faults(contracts: Iterable[Contract], engine: Engine, faults: Faults, noted: Path | None = None) -> None:
    """Adds what an engine cannot run. Of a contract that has faults already, only the rules are tried.

    `noted`: a folder in which each plan that runs leaves a mark, so that it is tried only once (100 ms per contract in
    DuckDB; Spark has to be started).
    """
    faulty = {fault.document for fault in faults.found}
    for contract in contracts:
        name = f"{fingerprint(contract)}-{engine.name}-{version(PACKAGES[engine.name])}"
        mark = noted / name if noted and contract.document not in faulty else None
        if mark and mark.exists():
            continue
        found = engine.plan_faults(contract, rules_only=contract.document in faulty)
        for text in found:
            faults.add(contract.document, text)
        if mark and not found:
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
