"""The graph loads as Dagster loads it, touches nothing while it does, and is derived from the contracts."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg
import pytest
import yaml

from lakehouse_assets.assets.keys import ARCHIVE, BATCH, athena_key, raw_key, rejected_key, table_key
from lakehouse_assets.assets.metadata import athena_lineage, rejected_lineage, table_columns, table_lineage
from lakehouse_assets.definitions import contracts, defs
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.local.dagster_home import INSTANCE, WORKSPACE
from lakehouse_assets.sensors.state_machine_batches import state_machine_sensor
from lakehouse_assets.settings import read_settings
from lakehouse_assets_tests.etl.keyed import keyed_contracts

EACH = ("landing/raw_", "lakehouse/", "rejected/rejected_", "published/athena_")
"""What stands before the dataset in the keys of its assets."""
PROJECT = Path(__file__).parents[1]


def run(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the project's folder, with nothing of the lakehouse in the environment but a home that is not there
    yet.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "AWS_", "DAGSTER_"))
    }
    environment |= {"LAKEHOUSE_HOME": str(tmp_path / "home"), "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("named", [[], ["-w", "workspace.yaml"]])
def test_dagster_finds_and_validates_the_definitions_and_no_home_is_made(tmp_path: Path, named: list[str]) -> None:
    ended = run(tmp_path, str(Path(sys.executable).parent / "dagster"), "definitions", "validate", *named)
    assert ended.returncode == 0, ended.stderr
    assert "lakehouse_assets" in ended.stderr + ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_dagster_dev_in_a_checkout_has_the_settings_of_lakehouse_up() -> None:
    assert yaml.safe_load((PROJECT / "dagster.yaml").read_text("utf-8")) == yaml.safe_load(INSTANCE)


def test_the_sensor_of_the_state_machine_is_off_unless_the_state_machine_starts_batches() -> None:
    on = {
        orchestrator: state_machine_sensor(read_settings(orchestrator=orchestrator)).default_status.value
        for orchestrator in ("dagster", "state_machine")
    }
    assert on == {"dagster": "STOPPED", "state_machine": "RUNNING"}


def test_the_code_location_has_one_name_however_it_is_served() -> None:
    """Sensors and schedules keep their state under it."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]
    workspaces = [
        yaml.safe_load(text)["load_from"][0]["python_module"]
        for text in ((PROJECT / "workspace.yaml").read_text("utf-8"), WORKSPACE)
    ]
    names = {
        project["dagster"]["code_location_name"],
        project["dg"]["project"]["code_location_name"],
        *(it["location_name"] for it in workspaces),
    }
    assert names == {"lakehouse_assets"}
    modules = {
        project["dagster"]["module_name"],
        project["dg"]["project"]["code_location_target_module"],
        *(it["module_name"] for it in workspaces),
    }
    assert modules == {"lakehouse_assets.definitions"}


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
    each = {f"{before}{dataset}" for dataset in contracts for before in EACH}
    assert found == each | {"landing/uploads", "landing/batch", "published/archive", "published/load_report"}


def test_the_first_part_of_a_key_is_the_group_and_the_last_part_is_unique() -> None:
    assert {spec.group_name for spec in SPECS.values()} == {"landing", "lakehouse", "rejected", "published"}
    assert all(spec.key.path[0] == spec.group_name for spec in SPECS.values())
    assert len({spec.key.path[-1] for spec in SPECS.values()}) == len(SPECS)


def test_a_dataset_is_loaded_after_its_parents_and_archived_after_all() -> None:
    graph = defs.resolve_asset_graph()
    for dataset, contract in contracts.items():
        parents = graph.get(dg.AssetKey(["lakehouse", dataset])).parent_keys
        assert parents == {
            BATCH,
            raw_key(dataset),
            *(dg.AssetKey(["lakehouse", parent.dataset]) for parent in contract.parents),
        }
    assert graph.get(ARCHIVE).parent_keys >= {dg.AssetKey(["lakehouse", dataset]) for dataset in contracts}


SPECS = {spec.key.to_user_string(): spec for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key)}


@pytest.mark.parametrize("before", ["lakehouse/", "published/athena_"])
@pytest.mark.parametrize("dataset", contracts)
def test_the_tables_columns_are_shown_with_their_descriptions_and_constraints(before: str, dataset: str) -> None:
    contract, schema = contracts[dataset], SPECS[f"{before}{dataset}"].metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert {column.name: column.type for column in schema.columns} == contract.table_columns
    assert all(column.description for column in schema.columns)
    assert {column.name for column in schema.columns if column.constraints.unique} == set(contract.keys)
    assert {column.name for column in schema.columns if not column.constraints.nullable} == set(contract.required_names)
    assert list(schema.constraints.other if schema.constraints else []) == [rule.name for rule in contract.rules]


def test_a_key_and_a_parent_of_several_columns_are_shown_as_constraints() -> None:
    schema = table_columns(keyed_contracts()["picks"])
    assert schema.constraints == dg.TableConstraints(["unique: order_id, product_id, shelf"])
    assert not any(column.constraints.unique for column in schema.columns)
    assert {column.name: column.constraints.other for column in schema.columns if column.constraints.other} == {
        "order_id": ["in order_details (order_id, product_id)"],
        "product_id": ["in order_details (order_id, product_id)"],
    }


@pytest.mark.parametrize("dataset", contracts)
def test_files_and_rejected_records_show_their_columns_too(dataset: str) -> None:
    raw, rejected = (
        SPECS[f"{before}{dataset}"].metadata["dagster/column_schema"]
        for before in ("landing/raw_", "rejected/rejected_")
    )
    assert isinstance(raw, dg.TableSchema)
    assert isinstance(rejected, dg.TableSchema)
    assert [column.name for column in raw.columns] == list(contracts[dataset].names)
    assert {column.name: column.type for column in rejected.columns} == REJECTED_COLUMNS
    assert all(column.description for column in (*raw.columns, *rejected.columns))


def test_each_asset_links_to_the_function_that_makes_it_and_each_table_to_its_contract() -> None:
    for key, spec in SPECS.items():
        found = spec.metadata.get("dagster/code_references")
        files = (
            [Path(it.file_path) for it in found.code_references if isinstance(it, dg.LocalFileCodeReference)]
            if isinstance(found, dg.CodeReferencesMetadataValue)
            else []
        )
        assert all(file.is_file() for file in files)
        dataset = next((name for name in contracts if key in {f"{before}{name}" for before in EACH}), None)
        expected = 0 if key == "landing/uploads" else 2 if dataset else 1
        assert len(files) == expected, key
        assert not dataset or contracts[dataset].document in {file.name for file in files}


@pytest.mark.parametrize("dataset", contracts)
def test_a_table_and_the_page_of_its_checks_and_freshness_link_to_each_other(dataset: str) -> None:
    table, health = SPECS[f"lakehouse/{dataset}"], SPECS[f"published/athena_{dataset}"]
    assert table.metadata["checks_and_health"] == dg.MetadataValue.asset(athena_key(dataset))
    assert health.metadata["delta_table"] == dg.MetadataValue.asset(table_key(dataset))
    assert health.freshness_policy == table.freshness_policy is not None


def test_every_job_schedule_and_sensor_has_a_description() -> None:
    found = [*defs.resolve_all_job_defs(), *(defs.schedules or ()), *(defs.sensors or ())]
    assert [it.name for it in found if not it.description and not it.name.startswith("__")] == []


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_asset_says_what_it_is_who_answers_for_it_and_where_it_lies(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert spec.kinds
    assert list(spec.owners) == ["team:data-platform"]
    assert {"dagster/uri", "dagster/table_name"} & set(spec.metadata)


@pytest.mark.parametrize("dataset", contracts)
def test_each_column_is_traced_back_from_athena_to_the_files_along_the_graph(dataset: str) -> None:
    contract, graph = contracts[dataset], defs.resolve_asset_graph()
    of_table, of_athena, of_rejected = table_lineage(contract), athena_lineage(contract), rejected_lineage(contract)
    for asset, lineage in (
        (table_key(dataset), of_table),
        (athena_key(dataset), of_athena),
        (rejected_key(dataset), of_rejected),
    ):
        named = {dep.asset_key for deps in lineage.deps_by_column.values() for dep in deps}
        assert named <= graph.get(asset).parent_keys, "each is an edge of the graph as well"
    for name in contract.names:
        [of_analysts] = of_athena.deps_by_column[name]
        [of_file] = of_table.deps_by_column[of_analysts.column_name]
        assert of_file == dg.TableColumnDep(raw_key(dataset), name)
    assert {dep.column_name for dep in of_rejected.deps_by_column["raw"]} == set(contract.names)


def test_the_groups_make_a_line_from_landing_to_published() -> None:
    """No circle: as Dagster draws the groups, each stands behind those that it needs."""
    graph = defs.resolve_asset_graph()
    edges: dict[str, set[str]] = {}
    for node in graph.asset_nodes:
        behind = {graph.get(parent).group_name for parent in node.parent_keys} - {node.group_name}
        edges.setdefault(node.group_name, set()).update(behind)
    order = list(TopologicalSorter(edges).static_order())
    assert (order[0], set(order[1:3]), order[3:]) == ("landing", {"lakehouse", "rejected"}, ["published"])


def test_what_is_rejected_by_which_rule_stands_at_the_table() -> None:
    for dataset, contract in contracts.items():
        table = SPECS[f"lakehouse/{dataset}"].metadata["rules"]
        assert isinstance(table, dg.TableMetadataValue)
        assert {(row.data["rule"], row.data["a row that breaks it"]) for row in table.records} == {
            (rule.name, "is rejected" if rule.severity == "reject" else "is loaded and counted")
            for rule in contract.rules
        }


def test_the_checks_that_only_warn_are_not_called_blocking() -> None:
    blocking = {spec.name: spec.blocking for checks in defs.asset_checks or () for spec in checks.check_specs}
    assert {name for name, blocks in blocking.items() if not blocks} == {"reject_rate"}


def test_the_job_has_every_step() -> None:
    job = defs.resolve_job_def(LOAD_BATCH)
    steps = {
        "convert_uploads",
        "landing__batch",
        "published__archive",
        "refresh_catalog",
        "athena_checks",
        "published__load_report",
    }
    assert set(job.graph.node_dict) == steps | {f"load_{dataset}" for dataset in contracts}
