"""Ivy, the downloader of jars that pyspark ships, run as Spark itself would: it knows the central Maven repository, so that no address stands here.

Spark can resolve jars at every start of a session; that costs seconds each time and checks no SHA-256. Hence Ivy at set-up, and never again.
"""

from __future__ import annotations

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.local.spark.java import find_java, required

ROOTS = Path(__file__).with_name("ivy.xml")
MIRROR = "LAKEHOUSE_MAVEN_MIRROR"
MILLISECONDS_TO_CONNECT, MILLISECONDS_TO_READ = "30000", "120000"


def resolve(roots: Path, into: Path, scratch: Path) -> None:
    """Downloads what the `dependencies` of an ivy.xml need, and what that needs in turn, to `into/<group>/<artifact>/<version>.jar`.

    `scratch` is a folder for Ivy's own files. Raises TemporaryOutage if something cannot be downloaded, BadConfiguration if pyspark or Java 17 is missing.
    """
    _run(roots, _settings({}, scratch), f"{into}/[organisation]/[artifact]/[revision].[ext]", scratch)


def download(jars: list[tuple[str, str, str]], into: Path, scratch: Path) -> None:
    """Downloads exactly these jars, each (group, artifact, version), to `into/<group>/<artifact>/<version>.jar`. Raises as `resolve` does."""
    module = ElementTree.Element("ivy-module", version="2.0")
    ElementTree.SubElement(module, "info", organisation="lakehouse_assets", module="locked_jars")
    ElementTree.SubElement(ElementTree.SubElement(module, "configurations"), "conf", name="default")
    dependencies = ElementTree.SubElement(module, "dependencies")
    for group, artifact, version in jars:
        ElementTree.SubElement(dependencies, "dependency", org=group, name=artifact, rev=version, conf="default->default")
    ElementTree.ElementTree(module).write(scratch / "ivy.xml")
    # No poms, so nothing follows from a jar, and no SHA-1 files: the lock says which jars and which bytes.
    settings = _settings({"usepoms": "false", "checksums": ""}, scratch)
    _run(scratch / "ivy.xml", settings, f"{into}/[organisation]/[artifact]/[revision].[ext]", scratch)


def _settings(resolver: dict[str, str], scratch: Path) -> Path:
    settings = ElementTree.Element("ivysettings")
    ElementTree.SubElement(settings, "settings", defaultResolver="central")
    constraints = ElementTree.SubElement(settings, "timeout-constraints")
    patience = {"name": "patient", "connectionTimeout": MILLISECONDS_TO_CONNECT, "readTimeout": MILLISECONDS_TO_READ}
    ElementTree.SubElement(constraints, "timeout-constraint", patience)
    mirror = {"root": os.environ[MIRROR]} if os.environ.get(MIRROR) else {}
    repository = {"name": "central", "m2compatible": "true", "timeoutConstraint": "patient", **resolver, **mirror}
    ElementTree.SubElement(ElementTree.SubElement(settings, "resolvers"), "ibiblio", repository)
    path = scratch / "ivysettings.xml"
    ElementTree.ElementTree(settings).write(path)
    return path


def _run(module: Path, settings: Path, retrieved: str, scratch: Path) -> None:
    # Ivy would keep its cache in the user's home; what a set-up leaves behind belongs into the venv, where `make clean` finds it.
    here = [f"-Divy.default.ivy.user.dir={scratch / 'user'}", "-jar", str(_ivy()), "-settings", str(settings), "-cache", str(scratch / "cache")]
    # A jar of type bundle is an ordinary jar, packed for OSGi as well; Ivy would leave it out without a word.
    what = ["-ivy", str(module), "-confs", "default", "-types", "jar", "bundle", "-retrieve", retrieved]
    java = str(required(find_java()).home / "bin" / "java")
    answer = subprocess.run([java, *here, *what], capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - Java, found by us
    if answer.returncode:
        raise TemporaryOutage(
            "Spark's jars could not be downloaded. Try again; where the central Maven repository is out of reach, name a mirror of it in "
            f"{MIRROR}, and a proxy in JAVA_TOOL_OPTIONS (-Dhttps.proxyHost=... -Dhttps.proxyPort=...). Ivy says:\n{_faults(answer.stdout + answer.stderr)}"
        )


def _faults(output: str) -> str:
    told = [line.strip() for line in output.splitlines() if any(word in line for word in ("ERROR", "FAILED", "not found", "Exception", "rror at url"))]
    return "\n".join(f"  {line}" for line in dict.fromkeys(told[:8] or output.splitlines()[-8:]))


def _ivy() -> Path:
    pyspark = find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise BadConfiguration("pyspark is not installed: run `make spark`.")
    return next(Path(pyspark.origin).parent.glob("jars/ivy-*.jar"))
