"""`lakehouse contract check`: all faults at once, where they are, and what a program gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse_assets.cli.commands import contract as command
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine
from lakehouse_assets_tests.cli.commands.calls import lakehouse_command
from lakehouse_assets_tests.cli.conftest import Program
from lakehouse_assets_tests.contracts.support import RULE, child, schema, things


@pytest.fixture(autouse=True)
def without_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark takes seconds to start; `etl/test_names.py` plans in it."""
    monkeypatch.setattr(command, "_has_spark", lambda: False)


def document(folder: Path, name: str, content: dict[str, Any]) -> Path:
    path = folder / f"{name}.odcs.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def with_rule(implementation: str) -> dict[str, Any]:
    content = things()
    schema(content)["quality"] = [RULE | {"implementation": implementation}]
    return content


def lines_with(path: Path, text: str) -> list[int]:
    return [number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line]


def test_all_faults_come_at_once_as_file_line_and_text(tmp_path: Path) -> None:
    """A fault of form, one of a word, and one that only an engine finds."""
    content = with_rule("length(price) > 100")
    schema(content)["properties"][1] |= {"logicalTypeOptions": {"maxLength": "many"}, "requierd": True}
    path = document(tmp_path, "things", content)
    result = lakehouse_command("contract", "check", path)
    assert result.exit_code == 1
    *faults, summary = result.stdout.splitlines()
    places = [(fault.split(": ")[0], fault.split(": ")[1]) for fault in faults]
    assert sorted(places) == sorted(
        [
            (f"{path}:{lines_with(path, 'implementation')[0]}", "quality rule dear"),
            (f"{path}:{lines_with(path, 'maxLength')[0]}", "column label"),
            (f"{path}:{lines_with(path, 'requierd')[0]}", "column label"),
        ]
    )
    assert "there is no length of double (price: double)" in result.stdout
    assert summary == "3 faults in things.odcs.yaml."


def test_contracts_without_a_fault_end_with_0_and_what_planned_them(tmp_path: Path) -> None:
    good = lakehouse_command("contract", "check", document(tmp_path, "things", things()))
    assert (good.exit_code, good.stdout.splitlines()[0]) == (0, "No fault in things.odcs.yaml. Planned in DuckDB.")
    shipped = lakehouse_command("contract", "check", *SHIPPED.glob("*.odcs.yaml"))
    assert (shipped.exit_code, shipped.stdout.splitlines()[0]) == (0, "No fault in 3 documents. Planned in DuckDB.")


def test_parents_are_looked_up_beside_the_document_whose_own_faults_are_not_listed(tmp_path: Path) -> None:
    parts = document(tmp_path, "parts", child("parts", "things.id"))
    missing = lakehouse_command("contract", "check", parts)
    assert missing.exit_code == 1
    assert "column thing_id: parent dataset 'things' has no contract." in missing.stdout
    document(tmp_path, "things", things())
    document(tmp_path, "broken", {"schema": 5})
    assert lakehouse_command("contract", "check", parts).exit_code == 0


def test_a_program_gets_one_object(tmp_path: Path, program: Program) -> None:
    path = document(tmp_path, "things", with_rule("price / label > 1"))
    result = program("contract", "check", "--json", path, LAKEHOUSE_CONTRACTS=str(tmp_path))
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert found["documents"] == [str(path)]
    assert [(fault["document"], fault["line"]) for fault in found["faults"]] == [
        (str(path), lines_with(path, "implementation")[0])
    ]
    assert not (tmp_path / "home").exists(), "it needs no home"


def test_a_file_that_is_not_there_or_no_contract_at_all_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = lakehouse_command("contract", "check", tmp_path / "gone.odcs.yaml")
    assert (gone.exit_code, "gone.odcs.yaml" in gone.stderr) == (2, True)
    monkeypatch.setenv("LAKEHOUSE_CONTRACTS", str(tmp_path))
    assert lakehouse_command("contract", "check").exit_code == 2


def test_a_plan_that_ran_is_not_tried_again_in_the_same_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    path = document(tmp_path, "things", with_rule("price > 100"))
    assert lakehouse_command("contract", "check", path).exit_code == 0
    monkeypatch.setattr(EmbeddedEngine, "plan_faults", lambda *_, **__: ["quality rule dear: tried again"])
    assert lakehouse_command("contract", "check", path).exit_code == 0
    assert lakehouse_command("contract", "check", document(tmp_path, "things", with_rule("price > 101"))).exit_code == 1
