"""The assets' keys: the stages of the data, from uploads to the tables in Athena."""

import dagster as dg

UPLOADS = dg.AssetKey(["landing", "uploads"])
BATCH = dg.AssetKey(["landing", "batch"])
ARCHIVE = dg.AssetKey(["landing", "archive"])
REPORT = dg.AssetKey(["reports", "load_report"])


def raw_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["raw", dataset])


def table_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["lakehouse", dataset])


def rejected_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["rejected", dataset])


def athena_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["athena", dataset])
