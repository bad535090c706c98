"""The files for one server agree with each other, and with what `lakehouse up` does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse_assets.local.dagster_home import INSTANCE, WORKSPACE
from lakehouse_assets_tests.server.processes import CODE, DAEMON, FILES, HOME, PROGRAMS, ROOT, WEBSERVER, command, unit

SERVICES = (CODE, DAEMON, WEBSERVER)


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FILES / name).read_text("utf-8"))
    return content


def holds(whole: dict[str, Any], part: dict[str, Any]) -> bool:
    """Whether every value of `part` is in `whole` at the same place."""
    return all(
        holds(whole.get(key) or {}, value) if isinstance(value, dict) else whole.get(key) == value
        for key, value in part.items()
    )


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read("compose.yaml")["services"]
    return found


def test_a_server_has_every_setting_of_lakehouse_up() -> None:
    assert holds(read("dagster.yaml"), yaml.safe_load(INSTANCE))


def test_the_code_location_has_the_name_that_it_has_everywhere() -> None:
    """Else the sensors would lose their cursors."""
    [server], [up] = read("workspace.yaml")["load_from"], yaml.safe_load(WORKSPACE)["load_from"]
    assert server["grpc_server"]["location_name"] == up["python_module"]["location_name"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_runs_what_the_unit_runs(services: dict[str, dict[str, Any]], name: str) -> None:
    """But for the address: a container is entered from outside. So what is tested of the units holds for containers."""

    def plain(arguments: list[str]) -> list[str]:
        flat = [part for argument in arguments for part in argument.removeprefix(PROGRAMS).split("=", 1)]
        return [part for part in flat if part not in ("--host", "0.0.0.0", "127.0.0.1")]

    assert plain(services[name]["command"]) == plain(command(name))


def test_containers_have_a_health_check_and_are_started_again(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"postgres", *SERVICES}
    for service in services.values():
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"


def test_only_the_user_interface_is_published_and_only_on_this_machine(services: dict[str, dict[str, Any]]) -> None:
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        WEBSERVER: ["127.0.0.1:3000:3000"]
    }
    assert "127.0.0.1" in command(WEBSERVER)


def test_there_is_one_daemon(services: dict[str, dict[str, Any]]) -> None:
    daemons = [name for name, service in services.items() if "dagster-daemon" in service.get("command", [])]
    assert (daemons, services[DAEMON]["deploy"]["replicas"]) == ([DAEMON], 1)


def test_containers_of_one_image_share_its_environment_and_have_no_privileges(
    services: dict[str, dict[str, Any]],
) -> None:
    shared = {name: services[name] for name in SERVICES}
    assert len({str(service["environment"]) for service in shared.values()}) == 1
    for service in shared.values():
        assert service["image"] == "lakehouse"
        assert service["cap_drop"] == ["ALL"]
        assert "privileged" not in service


def test_the_image_runs_as_a_user_without_rights_from_locked_packages() -> None:
    lines = (FILES / "Dockerfile").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} == {"${PYTHON_IMAGE}"}
    text = (FILES / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    installs = [line for line in text.splitlines() if line.startswith("RUN ") and "pip install" in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    programs = f"{Path(sys.executable).parent}/"
    for name in SERVICES:
        (tmp_path / f"lakehouse-{name}.service").write_text(unit(name).replace(PROGRAMS, programs))
    shutil.copy(FILES / "systemd" / "lakehouse.target", tmp_path)
    files = sorted(map(str, tmp_path.iterdir()))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False, timeout=60
    )
    ours = [line for line in verified.stderr.splitlines() if "lakehouse" in line]
    assert (verified.returncode, ours) == (0, [])


def test_units_end_what_a_killed_process_leaves_and_may_write_the_home_alone() -> None:
    for name in SERVICES:
        text = unit(name)
        assert "KillMode=process" not in text
        assert "Restart=always" in text
        assert f"ReadWritePaths={HOME}\n" in text
        assert "User=lakehouse" in text


def test_a_server_s_password_stays_out_of_git_the_wheel_and_the_image() -> None:
    """Compose reads it from .env beside its file. Hatchling leaves out of the wheel what git ignores."""
    assert ".env" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert "**/.env" in (FILES / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
