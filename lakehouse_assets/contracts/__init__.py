"""The contracts: one Open Data Contract Standard document per dataset, and the code that reads them. The single source
of truth.
"""

from lakehouse_assets.contracts.model import (
    PROVENANCE,
    Column,
    Contract,
    Contracts,
    Kind,
    Parent,
    Rule,
    Severity,
    WhenAbsent,
)
from lakehouse_assets.contracts.reader import SHIPPED, read_contracts

__all__ = [
    "PROVENANCE",
    "SHIPPED",
    "Column",
    "Contract",
    "Contracts",
    "Kind",
    "Parent",
    "Rule",
    "Severity",
    "WhenAbsent",
    "read_contracts",
]
