"""The graph loads as Dagster loads it, touches nothing while it does, and is derived from the contracts."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_assets.assets.keys import BATCH, raw_key
from lakehouse_assets.assets.tables import table_assets
from lakehouse_assets.definitions import contracts, defs
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.settings import Settings

PROJECT = Path(__file__).parents[1]


def run(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the project's folder, with nothing of the lakehouse in the environment but a home that is not there yet."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "AWS_", "DAGSTER_"))}
    environment |= {"LAKEHOUSE_HOME": str(tmp_path / "home"), "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_dagster_finds_and_validates_the_definitions_and_no_home_is_made(tmp_path: Path) -> None:
    ended = run(tmp_path, str(Path(sys.executable).parent / "dagster"), "definitions", "validate")
    assert ended.returncode == 0, ended.stderr
    assert "lakehouse_assets" in ended.stderr + ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_loading_the_definitions_makes_no_client_and_starts_no_engine(tmp_path: Path) -> None:
    code = """
        import socket, sys

        def refuse(*_, **__):
            raise AssertionError("a connection while definitions load")

        import boto3
        socket.socket.connect = boto3.Session.client = boto3.client = refuse
        import lakehouse_assets.definitions
        assert "pyspark" not in sys.modules
    """
    ended = run(tmp_path, sys.executable, "-c", textwrap.dedent(code))
    assert ended.returncode == 0, ended.stderr


def test_the_graph_has_the_same_assets_and_checks_for_each_contract() -> None:
    found = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}
    each = {f"{group}/{dataset}" for dataset in contracts for group in ("raw", "lakehouse", "rejected", "athena")}
    assert found == each | {"landing/uploads", "landing/batch", "landing/archive", "reports/load_report"}


def test_a_dataset_is_loaded_after_its_parents_and_archived_after_all() -> None:
    graph = defs.resolve_asset_graph()
    for dataset, contract in contracts.items():
        parents = graph.get(dg.AssetKey(["lakehouse", dataset])).parent_keys
        assert parents == {BATCH, raw_key(dataset), *(dg.AssetKey(["lakehouse", parent.dataset]) for parent in contract.parents)}
    assert graph.get(dg.AssetKey(["landing", "archive"])).parent_keys >= {dg.AssetKey(["lakehouse", dataset]) for dataset in contracts}


def test_only_loads_by_glue_are_retried_by_dagster_itself() -> None:
    for engine, retried in (("embedded", False), ("spark", False), ("glue", True), ("auto", True)):
        for assets in table_assets(contracts, Settings(engine=engine)):
            assert isinstance(assets.op, dg.OpDefinition)
            policy = assets.op.retry_policy
            assert (policy.max_retries if policy else None) == (2 if retried else None)


def test_the_tables_columns_are_shown_with_their_descriptions() -> None:
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    for dataset, contract in contracts.items():
        schema = specs[f"lakehouse/{dataset}"].metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert {column.name: column.type for column in schema.columns} == contract.table_columns
        assert schema.columns[0].description == contract.columns[0].description


def test_the_job_has_every_step() -> None:
    job = defs.resolve_job_def(LOAD_BATCH)
    steps = {"convert_uploads", "landing__batch", "landing__archive", "refresh_catalog", "athena_checks", "reports__load_report"}
    assert set(job.graph.node_dict) == steps | {f"load_{dataset}" for dataset in contracts}


@pytest.mark.parametrize("package", ["contracts", "landing", "etl", "catalog"])
def test_the_rooms_below_do_not_import_dagster(package: str) -> None:
    imported: set[str] = set()
    for path in (PROJECT / "lakehouse_assets" / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
                imported.add(".".join(node.module.split(".")[:2]))
    assert imported
    allowed = {"dagster_pipes"} if package == "etl" else set()  # of the Glue job's entry point; it is a package of its own, without Dagster
    assert not {name for name in imported if name.startswith("dagster")} - allowed
    assert not {"lakehouse_assets.assets", "lakehouse_assets.checks", "lakehouse_assets.resources"} & imported
