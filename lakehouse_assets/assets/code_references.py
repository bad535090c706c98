"""Links from an asset's page to its code and to its contract. Dagster shows them where these files lie."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import dagster as dg

from lakehouse_assets.contracts import Contract
from lakehouse_assets.settings import Settings

Asset = dg.AssetsDefinition | dg.AssetSpec


def contract_reference(contract: Contract, settings: Settings) -> Mapping[str, Any]:
    """Metadata of an asset: a link to the contract's document."""
    with _without_beta_warnings():
        document = dg.LocalFileCodeReference(
            file_path=str(settings.contracts.resolve() / contract.document), line_number=1, label="contract"
        )
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[document])}


def with_code_references(assets: Sequence[Asset]) -> list[Asset]:
    """The assets, each with a link to the function of its step."""
    with _without_beta_warnings():
        return cast("list[Asset]", list(dg.with_source_code_references(assets)))


def _without_beta_warnings() -> warnings.catch_warnings:
    """Dagster (1.13.27) calls code references beta, and would say so at each start."""
    return warnings.catch_warnings(action="ignore", category=dg.BetaWarning)
