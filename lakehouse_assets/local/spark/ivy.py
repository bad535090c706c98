"""Ivy, the downloader of jars that pyspark ships, run as Spark itself would: it knows the central Maven repository, so
that no address stands here.

Spark can resolve jars at every start of a session; that costs seconds each time and checks no SHA-256. Hence Ivy at
set-up, and never again.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies_environment
from xml.etree import ElementTree

from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.local.spark.java import find_java, required

ROOTS = Path(__file__).with_name("ivy.xml")
MIRROR = "LAKEHOUSE_MAVEN_MIRROR"
JAVA_OPTIONS = "JAVA_TOOL_OPTIONS"
NEVER_BY_PROXY = ("localhost", "127.*", "[::1]")
"""Java's own list, which one of ours takes the place of."""
MILLISECONDS_TO_CONNECT, MILLISECONDS_TO_READ = "30000", "120000"


TYPES = ("jar", "bundle")
"""A jar of type bundle is an ordinary jar, packed for OSGi as well; Ivy would leave it out without a word."""


def resolve(roots: Path, into: Path, scratch: Path) -> None:
    """Downloads what the `dependencies` of an ivy.xml need, and what that needs in turn, to
    `into/<group>/<artifact>/<version>.jar`.

    `scratch` is a folder for Ivy's own files. Raises TemporaryOutage if something cannot be downloaded,
    BadConfiguration if pyspark or Java 17 is missing.
    """
    _run(roots, _settings({}, scratch), f"{into}/[organisation]/[artifact]/[revision].[ext]", scratch)


def download(artifacts: list[tuple[str, str, str]], into: Path, scratch: Path, extension: str = "jar") -> None:
    """Downloads exactly these artifacts, each (group, artifact, version), to
    `into/<group>/<artifact>/<version>.<extension>`. Raises as `resolve` does.
    """
    module = ElementTree.Element("ivy-module", version="2.0")
    ElementTree.SubElement(module, "info", organisation="lakehouse_assets", module="locked_jars")
    ElementTree.SubElement(ElementTree.SubElement(module, "configurations"), "conf", name="default")
    dependencies = ElementTree.SubElement(module, "dependencies")
    for group, artifact, version in artifacts:
        dependency = ElementTree.SubElement(
            dependencies, "dependency", org=group, name=artifact, rev=version, conf="default->default"
        )
        ElementTree.SubElement(dependency, "artifact", name=artifact, type=extension, ext=extension)
    ElementTree.ElementTree(module).write(scratch / "ivy.xml")
    # No poms, so nothing follows from a jar, and no SHA-1 files: the lock says which jars and which bytes.
    settings = _settings({"usepoms": "false", "checksums": ""}, scratch)
    _run(scratch / "ivy.xml", settings, f"{into}/[organisation]/[artifact]/[revision].[ext]", scratch, (extension,))


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


def _run(module: Path, settings: Path, retrieved: str, scratch: Path, types: tuple[str, ...] = TYPES) -> None:
    # Ivy would keep its cache in the user's home; what a set-up leaves behind belongs into the venv, where `make clean`
    # finds it.
    here = [
        f"-Divy.default.ivy.user.dir={scratch / 'user'}",
        "-jar",
        str(_ivy()),
        "-settings",
        str(settings),
        "-cache",
        str(scratch / "cache"),
    ]
    what = ["-ivy", str(module), "-confs", "default", "-types", *types, "-retrieve", retrieved]
    java = str(required(find_java()).home / "bin" / "java")
    # The last of two goes: what a person told Java stays.
    environment = os.environ | {
        JAVA_OPTIONS: " ".join([*proxy_options(getproxies_environment()), os.environ.get(JAVA_OPTIONS, "")])
    }
    answer = subprocess.run(
        [java, *here, *what], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if answer.returncode:
        raise TemporaryOutage(
            "What the lock names could not be downloaded. Try again; where the central Maven repository is out of"
            f" reach, name a mirror of it in {MIRROR}, or a proxy in HTTPS_PROXY (one that wants no password: Java"
            f" sends none). Ivy says:\n{_faults(answer.stdout + answer.stderr)}"
        )


def proxy_options(proxies: Mapping[str, str]) -> list[str]:
    """The options that tell Java of the proxies which the environment names: HTTPS_PROXY and its like, as urllib reads
    them, mean nothing to it.

    An address range in NO_PROXY is left out: Java knows none. So is a proxy that speaks SOCKS.
    """
    options = []
    for scheme in ("http", "https"):
        told = proxies.get(scheme) or proxies.get("all", "")
        proxy = urlsplit(told if "://" in told else f"http://{told}")
        if proxy.hostname and proxy.scheme in ("http", "https"):
            options += [
                f"-D{scheme}.proxyHost={proxy.hostname}",
                f"-D{scheme}.proxyPort={proxy.port or (443 if proxy.scheme == 'https' else 80)}",
            ]
    # Of both schemes, whatever its name says.
    return (
        [*options, f"-Dhttp.nonProxyHosts={'|'.join([*NEVER_BY_PROXY, *_past_proxies(proxies.get('no', ''))])}"]
        if options
        else []
    )


def _past_proxies(no_proxy: str) -> list[str]:
    """A name stands for its subdomains, too, in NO_PROXY; not in Java."""
    hosts = [host.strip().partition(":")[0].lstrip(".") for host in no_proxy.split(",") if "/" not in host]
    return [pattern for host in hosts if host for pattern in ((host,) if "*" in host else (host, f"*.{host}"))]


def _faults(output: str) -> str:
    told = [
        line.strip()
        for line in output.splitlines()
        if any(word in line for word in ("ERROR", "FAILED", "not found", "Exception", "rror at url"))
    ]
    return "\n".join(f"  {line}" for line in dict.fromkeys(told[:8] or output.splitlines()[-8:]))


def _ivy() -> Path:
    pyspark = find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise BadConfiguration("pyspark is not installed: run `make spark`.")
    return next(Path(pyspark.origin).parent.glob("jars/ivy-*.jar"))
