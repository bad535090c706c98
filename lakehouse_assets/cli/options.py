"""The option --engine: like LAKEHOUSE_ENGINE, for one command and what it starts."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from lakehouse_assets.settings import EngineName


def use(engine: EngineName | None) -> EngineName | None:
    if engine is not None:
        os.environ["LAKEHOUSE_ENGINE"] = engine
    return engine


Engine = Annotated[
    EngineName | None,
    typer.Option(
        callback=use,
        help="What loads the rows; like LAKEHOUSE_ENGINE. spark and glue need `make spark` once.",
        show_default=False,
    ),
]
