"""`explain` of a contract that says how its files are written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from docs_reference.contract_rules import EXAMPLE
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets_tests.cli.commands.calls import lakehouse_command


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for document in (*SHIPPED.glob("*.odcs.yaml"), EXAMPLE):
        shutil.copyfile(document, tmp_path / document.name)
    monkeypatch.setenv("LAKEHOUSE_CONTRACTS", str(tmp_path))
    result = lakehouse_command("explain", "deliveries")
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


@pytest.mark.parametrize(
    "said",
    [
        "tracking_code 'tracking_code', 'Tracking Number', 'Sendungsnummer'",
        "fee (decimal(7,2)) a number of at most 5 digits before the point and 2 after it",
        "decimals after ',', thousands are separated by '.', or not at all",
        "discount (decimal(5,4))",
        "% follows, and 12.5% is 0.125",
        "signed (boolean) Y or yes for true, N or no for false",
        "delivered_on (date) dd.MM.yyyy",
        "scanned_at (timestamp) dd.MM.yyyy HH:mm[ z]; without an offset it is in Europe/Berlin, and rejected if clocks",
        "CET is +01:00, CEST is +02:00",
        "entered_at (timestamp) a Unix time: the milliseconds since 1970-01-01 00:00:00 UTC",
        "a missing value is an empty cell, or NULL or n/a; in discount: -",
        "sent_month date calculated",
        "sent_month, from sent_at: CAST(date_trunc('MONTH', sent_at) AS DATE)",
    ],
)
def test_names_forms_missing_values_and_calculated_columns_are_explained(text: str, said: str) -> None:
    assert said in text
