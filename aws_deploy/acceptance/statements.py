"""All statements that the product sends to Athena. `make acceptance` runs them in an account, and the tests in
Trino.
"""

from __future__ import annotations

from lakehouse_assets.catalog.checks import checks_sql
from lakehouse_assets.catalog.queries import named_queries, statement_of
from lakehouse_assets.contracts import Contracts


def product_statements(contracts: Contracts, batch_id: str) -> dict[str, str]:
    """The saved queries and the checks after each load, by a readable name. The state machine's checks are made by the
    same function.
    """
    checks = {f"checks of {dataset}": checks_sql(contract, batch_id) for dataset, contract in contracts.items()}
    return {name: statement_of(name) for name in named_queries()} | checks
