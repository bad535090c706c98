"""The paths of an acceptance, its account and region, and its price: they are printed before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aws_deploy import costs
from aws_deploy.presets import ACCEPTANCE
from aws_deploy.settings import built_in_settings
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.settings import Settings

EMBEDDED_ACCOUNT = "000000000000"
"""The account id of every embedded AWS. No AWS account has it."""
HOURS = 1.0


@dataclass(frozen=True)
class LoadPath:
    """One way to load a batch. `new_catalog`: the catalog has no tables before, so the path has to register them."""

    name: str
    orchestrator: Literal["state_machine", "dagster"]
    engine: Literal["embedded", "glue"]
    new_catalog: bool


MACHINE_LAMBDA = LoadPath("state machine, Lambda", "state_machine", "embedded", new_catalog=True)
MACHINE_GLUE = LoadPath("state machine, Glue", "state_machine", "glue", new_catalog=False)
DAGSTER_GLUE = LoadPath("Dagster here, Glue", "dagster", "glue", new_catalog=True)
DAGSTER_EMBEDDED = LoadPath("Dagster here, embedded engine", "dagster", "embedded", new_catalog=False)
PATHS = (MACHINE_LAMBDA, MACHINE_GLUE, DAGSTER_GLUE, DAGSTER_EMBEDDED)
"""The paths in the order in which they run. The first registers its tables by the crawlers, the third by Dagster; the
second and the fourth find theirs in the catalog.
"""


@dataclass(frozen=True)
class Site:
    """An account and a region, and the settings of the lakehouse that is deployed there for the acceptance."""

    account: str
    region: str
    aws: Aws
    settings: Settings

    @property
    def is_embedded(self) -> bool:
        return self.account == EMBEDDED_ACCOUNT


def site_of(aws: Aws, home: Path) -> Site:
    """The site in the account of these credentials, with names that only the acceptance uses; LAKEHOUSE_… variables do
    not change them. `home`: for scratch files.

    Raises BadConfiguration if AWS does not accept the credentials, or if no region is set.
    """
    with failures_named("Asking AWS who this is"):
        account, region = (
            str(aws.client("sts").get_caller_identity()["Account"]),
            str(aws.client("s3").meta.region_name),
        )
    settings = built_in_settings(ACCEPTANCE)
    return Site(
        account,
        region,
        aws,
        settings.model_copy(update={"bucket": f"{settings.bucket}-{account}-{region}", "home": home}),
    )


def price(statements: int, paths: tuple[LoadPath, ...] = PATHS) -> dict[str, float]:
    """Dollars by item. `statements`: the number of queries for each new catalog."""
    return {
        "batches and their crawlers": sum(map(dollars_of, paths)),
        "queries": costs.athena(statements * sum(path.new_catalog for path in paths)),
        "the deployment itself": sum(costs.idle_month().values()) / costs.HOURS_OF_A_MONTH * HOURS,
    }


def dollars_of(path: LoadPath) -> float:
    """Dollars of the path's batch. Dagster replaces the state machine, its Lambdas and crawlers; it runs on this
    machine, and so does its embedded engine.
    """
    parts = costs.batch(path.engine)
    if path.orchestrator == "dagster":
        return sum(dollars for what, dollars in parts.items() if what in ("Glue runs", "Athena's checks"))
    return sum(parts.values()) + (costs.crawls() if path.new_catalog else 0)


def question(site: Site, statements: int, *, keep: bool) -> str:
    """The question before the acceptance: what it does, where, and for how many dollars."""
    asked = price(statements)
    parts = ", ".join(f"{what} ${dollars:.3f}" for what, dollars in asked.items())
    end = "nothing is removed at the end" if keep else "everything is removed at the end"
    return (
        f"Acceptance in account {site.account}, {site.region}: {len(PATHS)} small batches and {statements} queries in"
        f" stacks of its own ({ACCEPTANCE.storage_stack}, {ACCEPTANCE.pipeline_stack}; bucket {site.settings.bucket};"
        f" what an earlier acceptance left there is removed first). About ${sum(asked.values()):.2f} by list prices"
        f" ({parts}) and one hour; {end}. Continue?"
    )
