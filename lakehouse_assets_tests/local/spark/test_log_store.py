"""The jar of the log store in the repository matches its source."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.spark.session import EXCLUSIVE, LOG_STORE
from lakehouse_assets.local.spark import log_store
from lakehouse_assets.local.spark.java import java_home


@pytest.mark.spark
def test_the_jar_holds_what_the_compiler_makes_of_the_source() -> None:
    """(`make log-store` compiles it.) With only a Java runtime, the error is checked instead."""
    if not (java_home() / "bin" / "javac").exists():
        pytest.skip("there is no Java compiler here")
    with zipfile.ZipFile(LOG_STORE) as jar:
        shipped = {name: jar.read(name) for name in jar.namelist()}
    assert f"{EXCLUSIVE.replace('.', '/')}.class" in shipped
    assert log_store.compiled() == shipped


def test_who_has_no_compiler_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(log_store, "java_home", lambda: tmp_path)
    with pytest.raises(
        BadConfiguration, match=r"a Java runtime has no compiler.*apt-get install openjdk-17-jdk-headless"
    ):
        log_store.compiled()
