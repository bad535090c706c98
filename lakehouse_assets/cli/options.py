"""Options and completions that several commands share."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from lakehouse_assets.contracts import Contracts, read_contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.settings import EngineName, read_settings


def datasets() -> list[str]:
    """The datasets that have a contract, for completion."""
    return list(read_contracts(read_settings().contracts))


def require_dataset(name: str, contracts: Contracts) -> None:
    """Raises BadConfiguration if no contract is of this dataset."""
    if name not in contracts:
        raise BadConfiguration(f"There is no dataset {name}. The datasets: {', '.join(contracts)}")


def use(engine: EngineName | None) -> EngineName | None:
    """Puts the option --engine into the environment, for this command and the processes that it starts."""
    if engine is not None:
        os.environ["LAKEHOUSE_ENGINE"] = engine
    return engine


Engine = Annotated[
    EngineName | None,
    typer.Option(
        callback=use,
        help="The engine that loads the rows. Overrides LAKEHOUSE_ENGINE. spark and glue need `make spark` once.",
        show_default=False,
    ),
]
