"""A process dies after any of its writes; the same run again ends as if nothing had happened: tables, their versions, rejects, archive, ledger, reports, catalog.

Two batches with dirt of every kind, orphans in the first and their late parents in the second. In-process a crash is an exception that nothing catches; a few are
a real SIGKILL of the Dagster job in a process of its own.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from lakehouse_assets.errors import BadData
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.crashing import Crash, Life, living
from lakehouse_assets_tests.support import (
    body,
    delta_versions,
    forget_local_copies,
    in_own_process,
    item,
    items_csv,
    keys,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    ran,
    rejects,
    run,
    table_rows,
)

ENDLESS = 1_000_000
WRITES_OF_FIRST, WRITES_OF_SECOND = 48, 26


def put_first(lakehouse: Lakehouse) -> None:
    """Rejected rows, orphans, an unusable file, an unsorted one."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2), product("x")))
    put(lakehouse, "uploads/o.csv", orders_csv(order(1), order(2)))
    put(lakehouse, "raw/orders/unusable.csv", "1,2\n")
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 9, 1), item(3, 9, 9), item(4, "?", 1)))


def put_second(lakehouse: Lakehouse) -> None:
    """A correction, a known content, the parent of two orphans (one of them waits for its product still), a new item."""
    put(lakehouse, "raw/orders/more.csv", orders_csv(order(1, amount=99), order(9)))
    put(lakehouse, "raw/products/again.csv", products_csv(product(1), product(2), product("x")))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(5, 2, 2), item(6, 2, 77)))


def state(lakehouse: Lakehouse) -> dict[str, Any]:
    """All that a lakehouse holds, without what differs from one to the next: ids become names, times are left out."""
    history = lakehouse.history()
    names = {report["batch_id"]: f"batch {place}" for place, report in enumerate(history, start=1)}
    names |= {lakehouse.settings.bucket: "bucket"}

    def named(value: Any) -> Any:
        text = json.dumps(value, default=str, sort_keys=True)
        for found, name in names.items():
            text = text.replace(found, name)
        return json.loads(re.sub(r"/[0-9a-f]{8}(?=[/.])", "/version", text))

    everything = keys(lakehouse, "")
    entries = [json.loads(body(lakehouse, key)) for key in everything if key.startswith("control/ledger/")]
    return {
        "tables": named({dataset: table_rows(lakehouse, dataset, *lakehouse.contracts[dataset].names, "batch_id", "source_file") for dataset in lakehouse.contracts}),
        "versions": named(delta_versions(lakehouse)),
        "rejects": named({dataset: rejects(lakehouse, dataset) for dataset in lakehouse.contracts}),
        "files": named(sorted((key, body(lakehouse, key).decode()) for key in everything if key.startswith(("archived/", "rejected/files/", "raw/", "uploads/")))),
        "ledger": named(sorted(json.dumps({name: value for name, value in entry.items() if name not in ("file_id", "version")}) for entry in entries)),
        "reports": named([{name: value for name, value in report.items() if name != "created_at"} for report in history]),
        "control": sorted(key.split("/")[1] for key in everything if key.startswith("control/") and "athena" not in key),
        "catalog": sorted(table["Name"] for table in lakehouse.catalog.glue.get_tables(DatabaseName=lakehouse.settings.database)["TableList"]),
    }


def dies_after(lakehouse: Lakehouse, writes: int) -> list[str]:
    """One run of a process with so much life; what it wrote. It may come to its end before."""
    life = Life(writes)
    with living(lakehouse, life) as mortal:
        try:
            run(mortal)
        except Crash:
            pass
    return life.writes


NewLakehouse = Callable[[], Lakehouse]
