"""The folder of Spark's jars contains only locked jars, byte for byte, whatever the repository sends and whenever
set-up is killed.

The downloads are real: Ivy, which pyspark ships, on Java 17, from a Maven repository over HTTP.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.local.spark.ivy import MIRROR, proxy_options
from lakehouse_assets.local.spark.jars import Jar, install_jars, installed_jars, lock_jars, read_lock
from lakehouse_assets_tests.local.spark.mirror import Mirror


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "venv" / "spark-jars"


def locked(tmp_path: Path, *jars: Jar) -> Path:
    lock = tmp_path / "jars.lock"
    lock.write_text("".join(f"{jar}\n" for jar in jars))
    return lock


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.spark
def test_exactly_the_locked_jars_are_installed(tmp_path: Path, repository: Mirror, folder: Path) -> None:
    first, second = repository.offer("first", b"1", needs=("unlocked",)), repository.offer("second", b"22")
    repository.offer("unlocked", b"333")
    lock = locked(tmp_path, first, second)
    assert install_jars(lock, folder) == [first, second]
    assert contents(folder) == {"first-1.0.jar": b"1", "second-1.0.jar": b"22"}
    assert installed_jars(lock, folder) == [folder / "first-1.0.jar", folder / "second-1.0.jar"]
    assert repository.jars_asked() == ["first-1.0.jar", "second-1.0.jar"]
    assert not list(folder.parent.glob("*incoming*"))


@pytest.mark.spark
def test_what_is_there_and_right_is_not_downloaded_again(tmp_path: Path, repository: Mirror, folder: Path) -> None:
    jars = [repository.offer(name, name.encode()) for name in ("right", "changed", "gone")]
    lock = locked(tmp_path, *jars)
    install_jars(lock, folder)
    assert install_jars(lock, folder) == []
    (folder / "changed-1.0.jar").write_bytes(b"CHANGED")
    (folder / "gone-1.0.jar").unlink()
    repository.asked.clear()
    assert install_jars(lock, folder) == jars[1:]
    assert repository.jars_asked() == ["changed-1.0.jar", "gone-1.0.jar"]
    assert contents(folder) == {"right-1.0.jar": b"right", "changed-1.0.jar": b"changed", "gone-1.0.jar": b"gone"}


@pytest.mark.spark
@pytest.mark.parametrize("sent", [b"evil", b"longer than locked", b""], ids=["same size", "longer", "empty"])
def test_a_jar_of_other_bytes_is_refused_and_nothing_is_put_in_place(
    tmp_path: Path, repository: Mirror, folder: Path, sent: bytes
) -> None:
    good, bad = repository.offer("good", b"good"), repository.offer("poor", b"poor")
    repository.offer("poor", sent)
    with pytest.raises(
        BadConfiguration,
        match=rf"The downloaded file of example:poor:1\.0 .* the lock says {bad.sha256}, 4 bytes",
    ) as refused:
        install_jars(locked(tmp_path, good, bad), folder)
    assert "It was not installed" in str(refused.value)
    assert contents(folder) == {}


@pytest.mark.spark
def test_a_set_up_that_is_killed_while_downloading_leaves_nothing_half_done(
    tmp_path: Path, repository: Mirror, folder: Path
) -> None:
    first, second = repository.offer("first", b"1"), repository.offer("second", b"22")
    lock = locked(tmp_path, first, second)
    repository.stalled = {"second-1.0.jar"}
    code = (
        "from pathlib import Path; from lakehouse_assets.local.spark.jars import install_jars;"
        f" install_jars(Path({str(lock)!r}), Path({str(folder)!r}))"
    )
    set_up = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    assert repository.stalling.wait(timeout=60)
    os.killpg(set_up.pid, signal.SIGKILL)
    set_up.wait()
    assert contents(folder) == {}
    with pytest.raises(BadConfiguration, match="run `make spark`"):
        installed_jars(lock, folder)

    repository.stalled = set()
    repository.go_on.set()
    assert install_jars(lock, folder) == [first, second]
    assert len(installed_jars(lock, folder)) == 2
    assert not list(folder.parent.glob("*incoming*"))


@pytest.mark.spark
def test_a_jar_that_the_lock_no_longer_names_is_removed(tmp_path: Path, repository: Mirror, folder: Path) -> None:
    old, new = repository.offer("old", b"old"), repository.offer("new", b"new")
    install_jars(locked(tmp_path, old), folder)
    install_jars(locked(tmp_path, new), folder)
    assert contents(folder) == {"new-1.0.jar": b"new"}


@pytest.mark.spark
def test_a_repository_without_the_jar_or_without_an_answer_is_an_outage_that_names_the_mirror_setting(
    tmp_path: Path, repository: Mirror, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = locked(tmp_path, Jar("example", "nowhere", "1.0", "0" * 64, 1))
    with pytest.raises(
        TemporaryOutage, match=r"(?s)could not be downloaded.*LAKEHOUSE_MAVEN_MIRROR.*example#nowhere;1\.0"
    ):
        install_jars(lock, folder)
    monkeypatch.setenv(MIRROR, "http://127.0.0.1:1/")
    with pytest.raises(TemporaryOutage, match=r"(?s)could not be downloaded.*LAKEHOUSE_MAVEN_MIRROR.*127\.0\.0\.1:1/"):
        install_jars(lock, folder)


@pytest.mark.spark
def test_jars_come_by_the_proxy_that_the_environment_names(
    tmp_path: Path, repository: Mirror, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = repository.offer("first", b"1")
    monkeypatch.setenv(MIRROR, "http://maven.invalid/")
    monkeypatch.setenv("http_proxy", repository.url)
    monkeypatch.setenv("no_proxy", "elsewhere.invalid")
    assert install_jars(locked(tmp_path, jar), folder) == [jar]
    assert repository.jars_asked() == ["first-1.0.jar"]


@pytest.mark.parametrize(
    ("proxies", "options"),
    [
        ({}, []),
        ({"no": "corp.example"}, []),
        ({"all": "socks5://proxy:1080"}, []),
        ({"https": "http://user:secret@proxy.corp:8080/"}, ["-Dhttps.proxyHost=proxy.corp", "-Dhttps.proxyPort=8080"]),
        ({"http": "proxy.corp"}, ["-Dhttp.proxyHost=proxy.corp", "-Dhttp.proxyPort=80"]),
        (
            {"all": "https://p"},
            ["-Dhttp.proxyHost=p", "-Dhttp.proxyPort=443", "-Dhttps.proxyHost=p", "-Dhttps.proxyPort=443"],
        ),
    ],
)
def test_java_is_told_of_proxies_in_its_own_words(proxies: dict[str, str], options: list[str]) -> None:
    always = "-Dhttp.nonProxyHosts=localhost|127.*|[::1]"
    assert proxy_options(proxies) == [*options, *([always] if options else [])]


def test_java_is_told_of_hosts_past_the_proxy_in_its_own_words() -> None:
    told = proxy_options({"https": "http://proxy:1", "no": ".corp.example, maven:8081,10.0.0.0/8,*.test,"})
    assert told[-1] == "-Dhttp.nonProxyHosts=localhost|127.*|[::1]|corp.example|*.corp.example|maven|*.maven|*.test"


@pytest.mark.spark
def test_locking_writes_what_the_roots_need_and_what_that_needs(
    tmp_path: Path, repository: Mirror, folder: Path
) -> None:
    root, needed = repository.offer("root", b"root", needs=("needed", "shipped")), repository.offer("needed", b"needed")
    repository.offer("shipped", b"shipped")
    roots = tmp_path / "ivy.xml"
    roots.write_text(
        '<ivy-module version="2.0"><info organisation="tests" module="roots"/><configurations><conf'
        ' name="default"/></configurations><dependencies><dependency org="example" name="root" rev="1.0"'
        ' conf="default->default"/><exclude org="example" module="shipped"/></dependencies></ivy-module>'
    )
    lock = tmp_path / "jars.lock"
    lock_jars(lock, roots, folder)
    assert lock.read_text() == f"{needed}\n{root}\n"
    assert read_lock(lock) == [needed, root]


def test_a_jar_that_is_missing_or_cut_short_is_found_before_spark_starts(tmp_path: Path, folder: Path) -> None:
    lock = locked(
        tmp_path,
        Jar("example", "whole", "1.0", "0" * 64, 5),
        Jar("example", "short", "1.0", "0" * 64, 5),
        Jar("example", "none", "1.0", "0" * 64, 5),
    )
    folder.mkdir(parents=True)
    (folder / "whole-1.0.jar").write_bytes(b"12345")
    (folder / "short-1.0.jar").write_bytes(b"123")
    with pytest.raises(
        BadConfiguration,
        match=r"Spark's jars are not installed \(short-1\.0\.jar and 1 more missing from .*\): run `make spark`",
    ):
        installed_jars(lock, folder)


@pytest.mark.parametrize(
    "line", ["", "abc  group:artifact:1.0", "abc  group:artifact  5", "abc  group:artifact:1.0  many"]
)
def test_a_damaged_line_of_the_lock_is_named(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text(f"{'0' * 64}  group:artifact:1.0  5\n{line}\n")
    with pytest.raises(BadConfiguration, match=r"jars\.lock, line 2 is not"):
        read_lock(lock)
