"""Examples of each command, for its page. A test reads them as the command line does."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "load": (
        "lakehouse load orders.xlsx items/ products.csv.gz",
        "lakehouse load --dataset orders --fail-above 0.05 --json export.csv",
    ),
    "put": ("lakehouse put monday/",),
    "query": (
        "lakehouse query top_customers",
        'lakehouse query "SELECT count(*) AS orders FROM orders" --format json',
    ),
    "check": ("lakehouse check",),
    "rejects": (
        "lakehouse rejects --dataset order_items --reason order_id",
        "lakehouse rejects --since 2025-04-01 --all --format csv",
    ),
    "history": ("lakehouse history --json",),
    "explain": ("lakehouse explain orders",),
    "abandon": ('lakehouse abandon --reason "The file was sent by mistake." --yes',),
    "maintain": ("lakehouse maintain --retain-hours 336",),
    "up": ("lakehouse up --port 3001",),
    "down": ("lakehouse down",),
    "env": ('eval "$(lakehouse env)"',),
    "doctor": ("lakehouse doctor",),
    "demo": ("lakehouse demo",),
}
"""The lines of each command's examples."""
