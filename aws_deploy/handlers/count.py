"""CountRows: how many rows the batch wrote into each table, by what its loads wrote down, and which crawlers have
something to register.

Athena is held against the one. The other saves the crawlers of every batch that made no table and changed no column:
Glue bills ten minutes for a crawl.
"""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step
from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Raises BadConfiguration for a dataset whose load says that it succeeded, but wrote nothing down."""
    with step(event) as lakehouse:
        load_results = lakehouse.batch(event["batch_id"]).load_results()
        if silent := [dataset for dataset in lakehouse.contracts if dataset not in load_results]:
            raise BadConfiguration(
                f"The load of {', '.join(silent)} succeeded, but wrote no load result. Are their Glue jobs the jobs of"
                " this project?"
            )
        return {
            "written": {dataset: load_result.written for dataset, load_result in load_results.items()},
            "crawl": _to_crawl(lakehouse),
        }


def _to_crawl(lakehouse: Lakehouse) -> dict[str, bool]:
    """By the crawler's word in the state machine: a catalog that someone emptied, or changed, is crawled again, too."""
    with failures_named("Looking at the catalog"):
        outdated = {name for contract in lakehouse.contracts.values() for name in lakehouse.catalog.outdated(contract)}
    return {
        "Tables": not outdated.isdisjoint(lakehouse.contracts),
        "Rejected": not outdated <= set(lakehouse.contracts),
    }
