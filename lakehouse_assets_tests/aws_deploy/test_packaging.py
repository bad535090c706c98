"""The Lambdas' zips: within Lambda's limits, with the modules that a handler imports and no others, the same bytes each
time.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from aws_deploy.handlers.engines import NAME as ENGINES_ZIP
from aws_deploy.handlers.engines import unpack
from aws_deploy.packaging import AWS_LAMBDA, LOAD, STEPS, address, build, imported_files, this_machine
from aws_deploy.state_machine.tasks import LAMBDAS
from lakehouse_assets.contracts import SHIPPED

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MOST_UNPACKED = 250 * 1024 * 1024
ROOM_TO_GROW = 100 * 1024 * 1024
"""For the next versions of DuckDB and delta-rs, which are most of the load's."""
MOST_OF_THE_STEPS = 12_000_000
"""Zipped. Lambda fetches it at each cold start; 7.4 MB when this was written."""
MEMORY_OF_A_STEP = 128_000_000
"""Of a process that has imported a handler; the least that a function of the deployment has is 512 MB."""


@pytest.fixture(scope="module")
def for_aws(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    hasty = replace(AWS_LAMBDA, compression=1)
    return {
        name: build(name, SHIPPED, tmp_path_factory.mktemp(name), AWS_LAMBDA if name == STEPS else hasty)
        for name in (STEPS, LOAD)
    }


def unpacked(zips: dict[str, Path], name: str, folder: Path) -> Path:
    with zipfile.ZipFile(zips[name]) as archive:
        archive.extractall(folder)
    return folder


def test_the_zips_keep_lambdas_limits(for_aws: dict[str, Path]) -> None:
    for path in for_aws.values():
        with zipfile.ZipFile(path) as archive:
            assert sum(entry.file_size for entry in archive.infolist()) < MOST_UNPACKED - ROOM_TO_GROW
    assert for_aws[STEPS].stat().st_size < MOST_OF_THE_STEPS


def test_what_is_for_aws_is_for_its_python_and_platform(for_aws: dict[str, Path]) -> None:
    with zipfile.ZipFile(for_aws[LOAD]) as archive, zipfile.ZipFile(BytesIO(archive.read(ENGINES_ZIP))) as engines:
        libraries = [name for name in (*archive.namelist(), *engines.namelist()) if name.endswith(".so")]
    assert any("duckdb" in name for name in libraries)
    assert all(
        "abi3" in name or f"cpython-{AWS_LAMBDA.python.replace('.', '')}-x86_64-linux-gnu" in name for name in libraries
    ), libraries


def test_no_lambda_has_spark_dagster_pandas_or_what_runs_on_a_laptop(for_aws: dict[str, Path]) -> None:
    names: dict[str, set[str]] = {}
    for zipped, path in for_aws.items():
        with zipfile.ZipFile(path) as archive:
            listed = archive.namelist()
            if zipped == LOAD:
                listed += zipfile.ZipFile(BytesIO(archive.read(ENGINES_ZIP))).namelist()
            names[zipped] = {part for name in listed for part in [name.split("/")[0], "/".join(name.split("/")[:2])]}
    for found in names.values():
        assert not found & {"pyspark", "delta", "dagster", "pandas", "numpy", "pyarrow", "ministack"}
        ours = {name.removeprefix("lakehouse_assets/") for name in found if name.startswith("lakehouse_assets/")}
        assert not ours & {
            "assets",
            "cli",
            "connect.py",
            "definitions.py",
            "embedded_aws",
            "local",
            "sensors",
            "templates",
        }
    assert not names[STEPS] & {"duckdb", "deltalake"}
    assert {"duckdb", "deltalake"} <= names[LOAD]


def test_a_module_that_no_handler_imports_stays_out_of_the_zips(tmp_path: Path) -> None:
    sources = {
        "handlers/__init__.py": "",
        "handlers/count.py": "import json\nfrom lakehouse.catalog import tables\n",
        "lakehouse/__init__.py": "",
        "lakehouse/catalog/__init__.py": "",
        "lakehouse/catalog/tables.py": "def late() -> None:\n    import lakehouse.engine\n",
        "lakehouse/engine.py": "",
    }
    unused = {"lakehouse/a_new_folder/__init__.py": "", "lakehouse/catalog/audit.py": "import handlers.count\n"}
    for path, text in (sources | unused).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert imported_files(["handlers.count"], tmp_path) == {tmp_path / path for path in sources}


def test_engines_are_unpacked_once_and_found_by_whoever_imports_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped = tmp_path / ENGINES_ZIP
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("an_engine_of_this_test/__init__.py", "NUMBER = 1")
    monkeypatch.setattr(sys, "path", [*sys.path])
    unpack(tmp_path / "nothing.zip", tmp_path)
    assert importlib.util.find_spec("an_engine_of_this_test") is None
    unpack(zipped, tmp_path)
    assert importlib.import_module("an_engine_of_this_test").NUMBER == 1
    zipped.write_bytes(b"no zip any more")
    unpack(zipped, tmp_path)
    # Another process of the same Lambda finds what lies in /tmp.
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "lakehouse-engines" not in place])
    unpack(zipped, tmp_path)
    assert sys.path[0].endswith("lakehouse-engines")


@pytest.mark.parametrize("name", [STEPS, LOAD])
def test_a_zip_has_all_that_its_handlers_import(lambda_zips: dict[str, Path], name: str, tmp_path: Path) -> None:
    """In a Python that has the zip and nothing else. The load's also runs its engine, which is imported late."""
    roles = [role for role in LAMBDAS if (role == "load") == (name == LOAD)]
    engine = (
        "import lakehouse_assets.etl.engines.embedded.engine"
        if name == LOAD
        else "import lakehouse_assets.landing.workbooks.reader"
    )
    code = f"""
import sys, json
sys.path.insert(0, {str(unpacked(lambda_zips, name, tmp_path))!r})
{"; ".join(f"import aws_deploy.handlers.{role}" for role in roles)}
status = open("/proc/self/status").read() if sys.platform == "linux" else "VmHWM: 0 kB"
memory = int(status.split("VmHWM:")[1].split()[0]) * 1024
{engine}
import lakehouse_assets
print(json.dumps([lakehouse_assets.__file__, memory]))
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    place, memory = json.loads(done.stdout)
    assert place.startswith(str(tmp_path))
    assert memory < MEMORY_OF_A_STEP, memory


def test_the_same_code_gives_the_same_bytes(lambda_zips: dict[str, Path], tmp_path: Path) -> None:
    assert build(STEPS, SHIPPED, tmp_path, this_machine()).read_bytes() == lambda_zips[STEPS].read_bytes()


def test_other_contracts_are_other_code(tmp_path: Path) -> None:
    for document in list(SHIPPED.glob("*.odcs.yaml"))[:1]:
        (tmp_path / document.name).write_bytes(document.read_bytes())
    assert (
        address(STEPS, tmp_path, AWS_LAMBDA)
        != address(STEPS, SHIPPED, AWS_LAMBDA)
        == address(STEPS, SHIPPED, AWS_LAMBDA)
    )
