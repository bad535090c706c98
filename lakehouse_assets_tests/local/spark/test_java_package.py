"""Each system gets the command that works there. The files of the systems are copied from their own images."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.local.spark.java_package import IN_OTHER_WORDS, advice, install_command, this_system

OPENJDK = "install --yes --no-install-recommends openjdk-17-jre-headless"
SYSTEMS = {
    "Debian 12": ('ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm', f"apt-get update && apt-get {OPENJDK}"),
    "Ubuntu 24.04": ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"', f"apt-get update && apt-get {OPENJDK}"),
    "Linux Mint 22": ('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"', f"apt-get update && apt-get {OPENJDK}"),
    "Raspberry Pi OS 12": ('ID=raspbian\nID_LIKE=debian\nVERSION_ID="12"', f"apt-get update && apt-get {OPENJDK}"),
    "Fedora 41": ("ID=fedora\nVERSION_ID=41", "dnf install --assumeyes java-17-openjdk-headless"),
    "Fedora 43": (
        "ID=fedora\nVERSION_ID=43",
        (
            "dnf install --assumeyes adoptium-temurin-java-repository && dnf install --assumeyes"
            " --enablerepo='adoptium*' temurin-17-jre"
        ),
    ),
    "Rocky Linux 9": (
        'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"',
        "dnf install --assumeyes java-17-openjdk-headless",
    ),
    "Amazon Linux 2023": (
        'ID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"',
        "dnf install --assumeyes java-17-amazon-corretto-headless",
    ),
    "Alpine": ("ID=alpine\nVERSION_ID=3.22.1", "apk add openjdk17-jre-headless bash"),
}
WITHOUT_JAVA_17 = {
    "Debian testing": "ID=debian\nVERSION_CODENAME=forky",
    "Debian 14": 'ID=debian\nVERSION_ID="14"',
    "Red Hat Enterprise Linux 10": 'ID="rhel"\nID_LIKE="centos fedora"\nVERSION_ID="10.0"',
    "an unknown system": "ID=plan9",
}


def machine(root: Path, os_release: str, *others: str) -> Path:
    for path, text in {"etc/os-release": os_release, **dict.fromkeys(others, "")}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_command_of_each_system(tmp_path: Path, name: str) -> None:
    os_release, command = SYSTEMS[name]
    assert install_command(this_system(machine(tmp_path, os_release), "linux", user=0)) == command


@pytest.mark.parametrize("name", SYSTEMS)
def test_who_is_not_root_is_told_to_use_sudo_for_each_part(tmp_path: Path, name: str) -> None:
    os_release, command = SYSTEMS[name]
    told = install_command(this_system(machine(tmp_path, os_release), "linux", user=1000))
    assert told == " && ".join(f"sudo {part}" for part in command.split(" && "))


@pytest.mark.parametrize(
    ("sources", "command"),
    [
        (
            "etc/apt/sources.list.d/debian.sources",
            (
                "sed s/trixie/bookworm/g /etc/apt/sources.list.d/debian.sources | sudo tee"
                " /etc/apt/sources.list.d/bookworm.sources"
            ),
        ),
        (
            "etc/apt/sources.list",
            "sed s/trixie/bookworm/g /etc/apt/sources.list | sudo tee /etc/apt/sources.list.d/bookworm.list",
        ),
    ],
)
def test_debian_13_which_has_no_java_17_takes_it_from_debian_12(tmp_path: Path, sources: str, command: str) -> None:
    system = this_system(machine(tmp_path, 'ID=debian\nVERSION_ID="13"', sources), "linux", user=1000)
    assert install_command(system) == f"{command} >/dev/null && sudo apt-get update && sudo apt-get {OPENJDK}"


@pytest.mark.parametrize("name", WITHOUT_JAVA_17)
def test_where_no_command_is_known_the_advice_is_in_words(tmp_path: Path, name: str) -> None:
    system = this_system(machine(tmp_path, WITHOUT_JAVA_17[name]), "linux", user=0)
    assert install_command(system) is None
    assert advice(system) == IN_OTHER_WORDS


def test_macos_is_told_to_use_homebrew_without_sudo(tmp_path: Path) -> None:
    assert install_command(this_system(tmp_path, "darwin", user=501)) == "brew install openjdk@17"


@pytest.mark.parametrize("trace", [".dockerenv", "run/.containerenv"])
def test_root_in_a_container_of_debian_may_be_helped(tmp_path: Path, trace: str) -> None:
    root = machine(tmp_path, 'ID=debian\nVERSION_ID="12"', trace)
    assert this_system(root, "linux", user=0).may_be_changed
    assert not this_system(root, "linux", user=1000).may_be_changed


def test_a_container_is_known_by_its_control_group_too(tmp_path: Path) -> None:
    root = machine(tmp_path, "ID=ubuntu\nID_LIKE=debian")
    assert not this_system(root, "linux", user=0).may_be_changed
    (root / "proc/1").mkdir(parents=True)
    (root / "proc/1/cgroup").write_text("0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-1f.scope\n")
    assert this_system(root, "linux", user=0).may_be_changed


def test_a_container_of_another_family_is_left_alone(tmp_path: Path) -> None:
    assert not this_system(machine(tmp_path, "ID=alpine", ".dockerenv"), "linux", user=0).may_be_changed
