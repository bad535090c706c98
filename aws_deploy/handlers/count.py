"""CountWrittenRows: the rows that the batch wrote to each table, from its load results, and the crawlers that have
something to register.

The state CheckTables compares Athena's counts with these. Crawlers run only if a batch created a table or changed its
columns: Glue bills at least ten minutes for a crawl.
"""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step
from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Returns the rows by dataset (`written`), and for each crawler whether it has to run (`crawl`). Raises
    BadConfiguration if a dataset's load succeeded without writing a load result.
    """
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
    """For each crawler, by the suffix of its states: whether the catalog differs from the contracts. This includes
    tables that someone removed or changed.
    """
    with failures_named("Looking at the catalog"):
        outdated = {name for contract in lakehouse.contracts.values() for name in lakehouse.catalog.outdated(contract)}
    return {
        "Tables": not outdated.isdisjoint(lakehouse.contracts),
        "Rejected": not outdated <= set(lakehouse.contracts),
    }
