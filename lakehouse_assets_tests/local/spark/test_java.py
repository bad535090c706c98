"""Java 17 is found in every place, no other version is used, and the message for a missing one says what was found and
what to do.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.local.spark.__main__ import set_up_java
from lakehouse_assets.local.spark.java import Found, find_java, required
from lakehouse_assets.local.spark.java_package import System
from lakehouse_assets_tests.local.spark.fake_java import java, scripted

LAPTOP = System(names=("ubuntu", "debian"), release=24, is_root=False, is_container=False, apt_sources="debian.sources")
CONTAINER = System(names=("debian",), release=12, is_root=True, is_container=True, apt_sources="debian.sources")


def chosen_home(found: Found) -> Path:
    assert found.chosen is not None
    return found.chosen.home


def test_java_17_in_java_home_is_used_before_any_other(tmp_path: Path) -> None:
    named, on_path = java(tmp_path / "named", 17), java(tmp_path / "on_path", 17)
    found = find_java({"JAVA_HOME": str(named), "PATH": str(on_path / "bin")}, [])
    assert chosen_home(found) == named
    assert str(found) == f"Java 17: {named}"


def test_java_17_on_the_path_is_used_by_its_own_home_not_by_the_folder_of_a_link(tmp_path: Path) -> None:
    home, links = java(tmp_path / "home", 17), tmp_path / "links"
    links.mkdir()
    (links / "java").symlink_to(home / "bin" / "java")
    assert chosen_home(find_java({"PATH": str(links)}, [])) == home


def test_a_java_home_of_another_version_gives_way_to_a_17_elsewhere_and_that_is_said(tmp_path: Path) -> None:
    newer, old, wanted = java(tmp_path / "newer", 25), java(tmp_path / "old", 8), java(tmp_path / "jvm" / "java-17", 17)
    java(tmp_path / "jvm" / "java-11", 11)
    found = find_java({"JAVA_HOME": str(newer), "PATH": str(old / "bin")}, [f"{tmp_path}/jvm/*"])
    assert chosen_home(found) == wanted
    assert str(found) == f"Java 17: {wanted} (not used: JAVA_HOME={newer}: Java 25, too new)"


def test_a_place_in_the_users_home_is_looked_at(tmp_path: Path) -> None:
    wanted = java(tmp_path / ".sdkman/candidates/java/17.0.9-tem", 17)
    assert chosen_home(find_java({"HOME": str(tmp_path)}, ["~/.sdkman/candidates/java/*"])) == wanted


def test_every_java_that_is_there_is_named_when_none_is_17(tmp_path: Path) -> None:
    newer, old = java(tmp_path / "newer", 25), java(tmp_path / "jvm" / "java-11", 11)
    found = find_java({"JAVA_HOME": str(newer), "PATH": ""}, [f"{tmp_path}/jvm/*"])
    with pytest.raises(BadConfiguration) as refused:
        required(found, LAPTOP)
    assert (
        str(refused.value)
        == f"Spark needs Java 17, and there is JAVA_HOME={newer}: Java 25, too new; {old}: Java 11, too old. "
        "Install it: sudo apt-get update && sudo apt-get install --yes --no-install-recommends openjdk-17-jre-headless"
    )


def test_no_java_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        BadConfiguration, match=r"Spark needs Java 17, and there is no Java here at all\. Install it: sudo apt-get"
    ):
        required(find_java({"PATH": str(tmp_path)}, [f"{tmp_path}/*"]), LAPTOP)


@pytest.mark.parametrize(
    "script",
    [
        "echo 'Unable to locate a Java Runtime.' >&2; exit 1",
        "exit 0",
        "kill -9 $$",
        "echo 'openjdk version \"17.0.9\"' >&2; exit 1",
    ],
)
def test_what_is_called_java_but_answers_otherwise_is_passed_over(tmp_path: Path, script: str) -> None:
    stub, wanted = scripted(tmp_path / "stub", script), java(tmp_path / "jvm" / "17", 17)
    found = find_java({"JAVA_HOME": str(stub)}, [f"{tmp_path}/jvm/*"])
    assert chosen_home(found) == wanted
    assert f"JAVA_HOME={stub}: no working Java" in str(found)


def test_a_java_home_that_is_not_there_is_passed_over_and_named(tmp_path: Path) -> None:
    found = find_java({"JAVA_HOME": f"{tmp_path}/gone"}, [])
    assert found.chosen is None
    assert str(found) == f"Java 17: not found (not used: JAVA_HOME={tmp_path}/gone: no working Java)"


def test_in_a_root_container_of_debian_java_17_is_installed_after_saying_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """(apt-get is a script here, because tests must not change the machine.)"""
    kept = java(tmp_path / "kept", 17)
    apt_get = tmp_path / "bin" / "apt-get"
    apt_get.parent.mkdir()
    apt_get.write_text(f'#!/bin/sh\n[ "$1" = update ] || (mkdir {tmp_path}/jvm && cp -r {kept} {tmp_path}/jvm/17)\n')
    apt_get.chmod(0o755)
    set_up_java(without_java(tmp_path), [f"{tmp_path}/jvm/*"], CONTAINER)
    said = capsys.readouterr().out
    assert (
        "so it is installed now:\n  apt-get update && apt-get install --yes --no-install-recommends"
        " openjdk-17-jre-headless\n" in said
    )
    assert said.endswith(f"Java 17: {kept}\n")


def test_an_installation_that_fails_is_not_taken_for_done(tmp_path: Path) -> None:
    apt_get = tmp_path / "bin" / "apt-get"
    apt_get.parent.mkdir()
    apt_get.write_text("#!/bin/sh\nexit 100\n")
    apt_get.chmod(0o755)
    with pytest.raises(TemporaryOutage, match="ended with exit code 100"):
        set_up_java({"PATH": str(apt_get.parent)}, [f"{tmp_path}/jvm/*"], CONTAINER)


def test_outside_a_container_nothing_is_installed_unasked(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="Install it: sudo apt-get"):
        set_up_java({"PATH": str(tmp_path)}, [], LAPTOP)


def without_java(folder: Path) -> dict[str, str]:
    """A PATH with the commands that a shell script needs, and without this machine's Java."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("mkdir", "cp"):
        (tools / name).symlink_to(f"/bin/{name}")
    return {"PATH": f"{folder}/bin:{tools}"}
