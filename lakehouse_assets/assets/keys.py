"""The assets' keys: the stages of the data, from uploads to the tables in Athena.

The first part is the asset's group. The second part is unique, because Dagster's graph draws only that.
"""

import dagster as dg

from lakehouse_assets.catalog.glue import rejected_table

LANDING, LAKEHOUSE, REJECTED, PUBLISHED = "landing", "lakehouse", "rejected", "published"
"""The groups. Each needs only assets of those before it, so that the UI's graph of groups is a line."""

ATHENA = "athena_"
"""Before the dataset in the key of its table in Athena."""

UPLOADS = dg.AssetKey([LANDING, "uploads"])
BATCH = dg.AssetKey([LANDING, "batch"])
ARCHIVE = dg.AssetKey([PUBLISHED, "archive"])
REPORT = dg.AssetKey([PUBLISHED, "load_report"])


def raw_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey([LANDING, f"raw_{dataset}"])


def table_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey([LAKEHOUSE, dataset])


def rejected_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey([REJECTED, rejected_table(dataset)])


def athena_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey([PUBLISHED, f"{ATHENA}{dataset}"])
