"""The jobs' definition: what Glue 6.0 needs to run the entry point, and nothing that pip would have to guess."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.glue.arguments import CONVERT
from lakehouse_assets.glue.job import job_definition, step_definition
from lakehouse_assets.glue.modules import MODULES, of_this_machine
from lakehouse_assets.glue.uploads import Code
from lakehouse_assets.glue.wheel import build_wheel
from lakehouse_assets.settings import Settings

CONTRACTS = read_contracts()
CODE = Code(
    script="s3://bucket/control/code/1/glue_entry_point.py",
    wheel="s3://bucket/control/code/1/lakehouse_assets-0.1.0-py3-none-any.whl",
    log_store="s3://bucket/control/code/1/log-store.jar",
    modules=of_this_machine(),
)
ON_GLUE = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux", "extra": ""}


def definition(dataset: str = "orders", **settings: object) -> dict[str, object]:
    return job_definition(Settings(**settings), CONTRACTS[dataset], CODE, "s3://bucket/control/contracts/1/", "role")  # type: ignore[arg-type]


def test_each_dataset_has_a_job_that_runs_once_at_a_time_and_leaves_retries_to_others() -> None:
    assert [definition(dataset)["Name"] for dataset in ("products", "orders", "order_items")] == [
        "product_etl",
        "orders_etl",
        "order_items_etl",
    ]
    job = definition(glue_job="{dataset}-{job}")
    assert (job["Name"], job["GlueVersion"], job["MaxRetries"], job["ExecutionProperty"]) == (
        "orders-orders_etl",
        "6.0",
        0,
        {"MaxConcurrentRuns": 1},
    )
    assert job["Command"] == {"Name": "glueetl", "ScriptLocation": CODE.script, "PythonVersion": "3"}


def test_a_job_of_another_step_has_few_workers_and_can_read_workbooks() -> None:
    job = step_definition(Settings(), CONVERT, "convert_excel_to_csv", CODE, "s3://bucket/control/contracts/1/", "role")
    assert (job["Name"], job["NumberOfWorkers"], job["MaxRetries"], job["ExecutionProperty"]) == (
        "convert_excel_to_csv",
        2,
        0,
        {"MaxConcurrentRuns": 1},
    )
    assert job["DefaultArguments"]["--step"] == "convert"
    assert f"python-calamine=={importlib.metadata.version('python-calamine')}" in job["DefaultArguments"][
        "--additional-python-modules"
    ].split(",")
    assert "--enable-auto-scaling" not in job["DefaultArguments"]


def test_the_arguments_hold_all_but_the_manifest() -> None:
    arguments = definition(bucket="lake", tables_prefix="t/", reject_limit=0.5)["DefaultArguments"]
    assert isinstance(arguments, dict)
    script = {
        name: arguments[name]
        for name in ("--dataset", "--contracts", "--bucket", "--raw-prefix", "--tables-prefix", "--reject-limit")
    }
    assert script == {
        "--dataset": "orders",
        "--contracts": "s3://bucket/control/contracts/1/",
        "--bucket": "lake",
        "--raw-prefix": "raw/",
        "--tables-prefix": "t/",
        "--reject-limit": "0.5",
    }
    assert "--manifest" not in arguments
    assert arguments["--datalake-formats"] == "delta"
    assert arguments["--conf"].startswith(
        "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension --conf spark.sql.catalog.spark_catalog="
    )
    for scheme in ("s3", "s3a"):
        assert f" --conf spark.delta.logStore.{scheme}.impl=lakehouse.logstore.ExclusiveLogStore" in arguments["--conf"]
    assert arguments["--extra-jars"] == CODE.log_store
    assert arguments["--python-modules-installer-option"] == "--no-deps --no-index", "a run asks no package index"


def test_each_module_is_pinned_to_the_version_that_is_tested_here() -> None:
    arguments = definition()["DefaultArguments"]
    assert isinstance(arguments, dict)
    wheel, *modules = arguments["--additional-python-modules"].split(",")
    assert wheel == CODE.wheel
    assert dict(module.split("==") for module in modules) == {
        name: importlib.metadata.version(name) for name in MODULES
    }


def test_nothing_that_a_module_needs_is_left_out() -> None:
    """They are installed without their dependencies."""
    needed = {
        canonicalize_name(requirement.name)
        for name in MODULES
        for requirement in map(Requirement, importlib.metadata.requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate(ON_GLUE)
    }
    assert needed <= set(MODULES)


# An interpreter that has what a Glue job has: its standard library, the modules that the job names, the wheel; and,
# with Spark, what Glue itself brings.


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def run_as_on_glue(folder: Path, wheel: Path, code: str, *brought_by_glue: str) -> subprocess.CompletedProcess[str]:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    for name in (*MODULES, *brought_by_glue):
        distribution = importlib.metadata.distribution(name)
        for part in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            if not (folder / part).exists():
                (folder / part).symlink_to(str(distribution.locate_file(part)))
    path = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", path + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_entry_point_runs_with_the_modules_that_the_job_names(tmp_path: Path, wheel: Path) -> None:
    code = """
        from lakehouse_assets.contracts import read_contracts
        from lakehouse_assets import glue_entry_point
        read_contracts()
        glue_entry_point.main(["--manifest", "s3://bucket/m.json"])
    """
    ended = run_as_on_glue(tmp_path, wheel, code)
    assert ended.stderr.splitlines()[-1].startswith(
        "lakehouse_assets.errors.BadConfiguration: The job's arguments cannot be used"
    ), ended.stderr


@pytest.mark.spark
def test_the_spark_engine_runs_with_the_modules_that_the_job_names(tmp_path: Path, wheel: Path) -> None:
    code = """
        import importlib, pkgutil, lakehouse_assets.etl.engines.spark as engine
        for module in pkgutil.iter_modules(engine.__path__, engine.__name__ + "."):
            importlib.import_module(module.name)
        engine.SparkEngine()
    """
    ended = run_as_on_glue(tmp_path, wheel, code, "pyspark", "py4j", "delta-spark")
    assert ended.returncode == 0, ended.stderr
