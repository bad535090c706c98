"""CountRows: how many rows the batch wrote into each table, by what its loads wrote down. Athena is held against it."""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step
from lakehouse_assets.errors import BadConfiguration


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Raises BadConfiguration for a dataset whose load says that it succeeded, but wrote nothing down."""
    with step(event) as house:
        judgements = house.judgements(house.manifest(event["batch_id"]))
        if silent := [dataset for dataset in house.contracts if dataset not in judgements]:
            raise BadConfiguration(f"The load of {', '.join(silent)} succeeded, but wrote no judgement. Are their Glue jobs the jobs of this project?")
        return {dataset: judgement.written for dataset, judgement in judgements.items()}
