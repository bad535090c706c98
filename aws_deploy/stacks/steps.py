"""The permissions of each step of a batch in the bucket, for a Lambda or a Glue job: the keys that it reads, writes and
removes, and no others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from aws_deploy.stacks.access import executions, objects, reads_catalog, tags, tells
from aws_deploy.stacks.site import Site
from lakehouse_assets.contracts import Contract
from lakehouse_assets.landing.zone import (
    ABANDONED,
    CONTENTS,
    CONVERSIONS,
    LAST_FILE,
    LEASE,
    LEDGER,
    LOAD_RESULTS,
    MANIFESTS,
    OPEN_BATCH,
    QUARANTINE,
    REPORTS,
    STAGING,
)


@dataclass(frozen=True)
class Touches:
    """Keys that a step reads, writes and removes. A key begins with a folder ({raw}, {uploads}, {tables}, {rejected},
    {archive}: the settings' prefixes) or is below `control/`. A key that ends with a folder or `/` means all keys
    below.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()

    def __or__(self, other: Touches) -> Touches:
        return Touches(self.reads + other.reads, self.writes + other.writes, self.removes + other.removes)


TABLES = ("{tables}", "{rejected}")
QUARANTINED = f"{{rejected}}{QUARANTINE}"

TOUCHES = {
    "availability": Touches(reads=(LEASE, OPEN_BATCH, MANIFESTS, REPORTS, LEDGER, CONVERSIONS)),
    "lease": Touches(reads=(LEASE,), writes=(LEASE,)),
    "convert": Touches(
        reads=(LEASE, OPEN_BATCH, CONVERSIONS, "{uploads}", "{raw}"), writes=(LEASE, CONVERSIONS, "{raw}")
    ),
    "marker": Touches(
        reads=(
            LEASE,
            OPEN_BATCH,
            ABANDONED,
            LAST_FILE,
            MANIFESTS,
            REPORTS,
            LEDGER,
            CONTENTS,
            CONVERSIONS,
            LOAD_RESULTS,
            "{raw}",
            "{uploads}",
        ),
        writes=(LEASE, OPEN_BATCH, LAST_FILE, MANIFESTS),
    ),
    "load": Touches(
        # Removes too: writing a checkpoint deletes expired files of Delta's log.
        reads=(LEASE, MANIFESTS, LOAD_RESULTS, "{raw}", *TABLES),
        writes=(LEASE, LOAD_RESULTS, *TABLES),
        removes=TABLES,
    ),
    "diagnose": Touches(),
    "archive": Touches(
        reads=(LEASE, MANIFESTS, LOAD_RESULTS, LEDGER, CONTENTS, "{raw}", "{uploads}", "{archive}", QUARANTINED),
        writes=(LEASE, LEDGER, CONTENTS, "{archive}", QUARANTINED),
        removes=("{raw}", "{uploads}"),
    ),
    "count": Touches(reads=(LEASE, MANIFESTS, LOAD_RESULTS), writes=(LEASE,)),
    "record": Touches(
        reads=(LEASE, OPEN_BATCH, MANIFESTS, LOAD_RESULTS, LEDGER, REPORTS, STAGING),
        writes=(LEASE, REPORTS),
        removes=(OPEN_BATCH, ABANDONED, STAGING),
    ),
    "failure": Touches(reads=(LEASE, OPEN_BATCH, MANIFESTS, LOAD_RESULTS, REPORTS), writes=(LEASE, REPORTS)),
}
"""By role (aws_deploy.state_machine.tasks.LAMBDAS)."""
MORE: dict[str, Callable[[Site], list[iam.PolicyStatement]]] = {
    # A load copies files for Spark, and S3 copies their tags.
    "load": lambda site: tags(site, of=(site.settings.raw_prefix,), onto=(f"{site.settings.control_prefix}{STAGING}",)),
    "archive": lambda site: tags(
        site,
        of=(site.settings.raw_prefix, site.settings.uploads_prefix),
        onto=(site.settings.archive_prefix, f"{site.settings.rejected_prefix}{QUARANTINE}"),
    ),
    # To find out whether a crawler has something to register.
    "count": reads_catalog,
    "failure": tells,
}


def may(site: Site, role: str) -> list[iam.PolicyStatement]:
    """The statements for a Lambda, by its role."""
    return may_touch(site, role, TOUCHES[role])


def load_of(contract: Contract) -> Touches:
    """Keys of a Glue job that loads one dataset: its own tables, and its parents' to read. Spark reads copies of the
    files, in staging/.
    """
    own = (f"{{tables}}{contract.dataset}/", f"{{rejected}}{contract.dataset}/")
    parents = tuple(f"{{tables}}{parent.dataset}/" for parent in contract.parents)
    return Touches(
        reads=(
            LEASE,
            OPEN_BATCH,
            MANIFESTS,
            REPORTS,
            LOAD_RESULTS,
            STAGING,
            f"{{raw}}{contract.dataset}/",
            *own,
            *parents,
        ),
        writes=(LEASE, LOAD_RESULTS, STAGING, *own),
        removes=own,
    )


def may_touch(site: Site, role: str, touched: Touches) -> list[iam.PolicyStatement]:
    """The statements for a step that touches these keys; none if it touches no keys."""
    if touched == Touches():
        return []
    found = objects(site, keys(site, touched.reads), keys(site, touched.writes), keys(site, touched.removes))
    return [*found, *executions(site), *(MORE[role](site) if role in MORE else ())]


def keys(site: Site, patterns: tuple[str, ...]) -> list[str]:
    """The keys in the bucket for those of a Touches; a folder ends with `*`."""
    settings = site.settings
    folders = {
        name: getattr(settings, f"{name}_prefix") for name in ("raw", "uploads", "tables", "rejected", "archive")
    }
    found = [
        pattern.format(**folders) if "{" in pattern else f"{settings.control_prefix}{pattern}" for pattern in patterns
    ]
    # The pattern decides, not the key: a reference to a parameter does not end with `/` as its value does.
    return [f"{key}*" if pattern.endswith(("/", "}")) else key for pattern, key in zip(patterns, found, strict=True)]
