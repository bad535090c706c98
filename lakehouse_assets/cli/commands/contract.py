"""`lakehouse contract check`: are contracts valid, and do their plans run in the engines?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.packages import faults as faults_of_packages
from lakehouse_assets.cli.packages import required_by
from lakehouse_assets.cli.terminal.console import stdout, stdout_kept_clean
from lakehouse_assets.cli.terminal.errors import visible
from lakehouse_assets.cli.terminal.formats import print_json
from lakehouse_assets.cli.terminal.progress import steps_shown
from lakehouse_assets.contracts import Contract
from lakehouse_assets.contracts.faults import Fault, Faults
from lakehouse_assets.contracts.reader import examine
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine
from lakehouse_assets.etl.engines.spark import SparkEngine
from lakehouse_assets.etl.trial import add_plan_faults
from lakehouse_assets.local.spark.jars import installed_jars
from lakehouse_assets.local.spark.java import find_java
from lakehouse_assets.local.spark.session import local_session
from lakehouse_assets.settings import read_settings

NAMES = {"embedded": "DuckDB", "spark": "Spark"}


def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="Contracts (*.odcs.yaml). Without any, all those of LAKEHOUSE_CONTRACTS are checked.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the faults as one JSON object, and nothing else.")
    ] = False,
) -> None:
    """Check contracts: list all faults, each with its line.

    Each fault says what to write instead. Parents are looked up in the same folder, and in LAKEHOUSE_CONTRACTS. The
    rules, and all else that a load runs, are planned on empty tables in DuckDB; if there is no fault, also in Spark, if
    it is installed. The exit code is 1 if there is a fault.
    """
    documents, beside = _documents(files)
    home = read_settings().home
    noted = home / "scratch" / "plans" if home.exists() else None
    with stdout_kept_clean(), steps_shown() as steps, _engines() as engines:
        with steps.step("Read"):
            contracts, faults = examine(list(documents.values()), beside)
        given = [contract for contract in contracts.values() if contract.document in documents]
        planned = []
        for engine in engines:
            if engine.name == "spark":  # It takes seconds to start, and the faults can be corrected without it.
                given = _without_fault(given, faults)
            if given:
                planned.append(NAMES[engine.name])
                with steps.step(f"Plan on empty tables, {engine.name} engine"):
                    add_plan_faults(given, engine, faults, noted)
    found = faults.in_order()
    if as_json:
        print_json(_as_json(documents, found, planned))
    else:
        _print(documents, faults, planned)
    if found:
        raise typer.Exit(ExitCode.FAILED)


def _without_fault(contracts: Iterable[Contract], faults: Faults) -> list[Contract]:
    faulty = {fault.document for fault in faults.found}
    return [contract for contract in contracts if contract.document not in faulty]


def _documents(files: Sequence[Path] | None) -> tuple[dict[str, Path], list[Path]]:
    """The documents to check by their names, and those in which parents are looked up."""
    folder = read_settings().contracts
    paths = list(files or sorted(folder.glob("*.odcs.yaml")))
    if not paths:
        raise BadConfiguration(f"No contract (*.odcs.yaml) in {folder}. Name a file, or correct LAKEHOUSE_CONTRACTS.")
    if absent := [str(path) for path in paths if not path.is_file()]:
        raise BadConfiguration(f"There is no such file: {', '.join(absent)}")
    documents = {path.name: path for path in paths}
    if len(documents) < len({path.resolve() for path in paths}):
        raise BadConfiguration("Two of the files have the same name. Check them one by one.")
    folders = dict.fromkeys([*(path.parent.resolve() for path in paths), folder.resolve()])
    known = {path.resolve() for path in paths}
    return documents, [path for each in folders for path in sorted(each.glob("*.odcs.yaml")) if path not in known]


@contextmanager
def _engines() -> Iterator[list[Engine]]:
    """The engines that can plan here: the embedded one, and Spark if it is installed."""
    with tempfile.TemporaryDirectory(prefix="lakehouse-") as scratch:
        engines: list[Engine] = [EmbeddedEngine(Path(scratch))]
        if _has_spark():
            engines.append(SparkEngine(lambda: local_session(Path(scratch)), reads_from_bucket=False))
        yield engines


def _has_spark() -> bool:
    try:
        installed_jars()
    except LakehouseError:
        return False
    return not faults_of_packages(required_by("spark")) and bool(find_java().chosen)


def _print(documents: dict[str, Path], faults: Faults, planned: list[str]) -> None:
    """Prints each fault as `file:line: text`, which editors and CI systems recognise, and a summary."""
    console, found = stdout(), faults.in_order()
    for fault in found:
        console.print(visible(_placed(fault, documents)), soft_wrap=not console.is_terminal)
    if found:
        faulty, number = {fault.document for fault in found}, len(found)
        which = f"{len(faulty)} of {len(documents)} documents" if len(documents) > 1 else next(iter(documents))
        console.print(f"{number} fault{'s' * (number != 1)} in {which}.", style="bold red", soft_wrap=True)
        return
    those = f"{len(documents)} documents" if len(documents) > 1 else next(iter(documents))
    console.print(f"No fault in {those}. Planned in {' and '.join(planned)}.", style="green", soft_wrap=True)
    if NAMES["spark"] not in planned:
        console.print("Spark is not installed, so nothing was planned in it.", soft_wrap=True)


def _placed(fault: Fault, documents: dict[str, Path]) -> str:
    place = [str(documents[fault.document])] if fault.document in documents else []
    return ":".join([*place, *([str(fault.line)] if fault.line is not None else []), f" {fault.text}"]).strip()


def _as_json(documents: dict[str, Path], found: Sequence[Fault], planned: list[str]) -> dict[str, Any]:
    return {
        "documents": [os.fspath(path) for path in documents.values()],
        "planned_in": planned,
        "faults": [
            {
                "document": os.fspath(documents[fault.document]) if fault.document in documents else None,
                "line": fault.line,
                "text": fault.text,
            }
            for fault in found
        ],
    }
