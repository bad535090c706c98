"""Downloads jars with Ivy, which pyspark ships. Ivy knows the central Maven repository, so no address is needed here.

Spark can resolve jars at every start of a session, but that takes seconds each time and checks no SHA-256. So Ivy runs
once, at set-up.
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
"""Java's default list, which http.nonProxyHosts replaces."""
MILLISECONDS_TO_CONNECT, MILLISECONDS_TO_READ = "30000", "120000"


TYPES = ("jar", "bundle")
"""A jar of type bundle is an ordinary jar with OSGi metadata. Ivy would silently skip it."""


def resolve(roots: Path, into: Path, scratch: Path) -> None:
    """Downloads the `dependencies` of an ivy.xml, and their dependencies, to `into/<group>/<artifact>/<version>.jar`.

    `scratch`: a folder for Ivy's own files. Raises TemporaryOutage if something cannot be downloaded,
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
    # Without poms, so no dependencies are added, and without SHA-1 files: the lock names the jars and their hashes.
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
    # Ivy's default cache is in the user's home. Everything that set-up leaves belongs in the venv, for `make clean`.
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
    # The last of two options wins, so the user's own options take precedence.
    environment = os.environ | {
        JAVA_OPTIONS: " ".join([*proxy_options(getproxies_environment()), os.environ.get(JAVA_OPTIONS, "")])
    }
    answer = subprocess.run(
        [java, *here, *what], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if answer.returncode:
        raise TemporaryOutage(
            "The locked jars could not be downloaded. Try again. If the central Maven repository cannot be reached,"
            f" set {MIRROR} to a mirror of it, or HTTPS_PROXY to a proxy without a password (Java does not send one)."
            f" Ivy says:\n{_faults(answer.stdout + answer.stderr)}"
        )


def proxy_options(proxies: Mapping[str, str]) -> list[str]:
    """Java's options for the proxies of the environment (HTTPS_PROXY and so on, as urllib reads them), which Java does
    not read itself.

    Address ranges in NO_PROXY are left out, because Java does not support them. So are SOCKS proxies.
    """
    options = []
    for scheme in ("http", "https"):
        url = proxies.get(scheme) or proxies.get("all", "")
        proxy = urlsplit(url if "://" in url else f"http://{url}")
        if proxy.hostname and proxy.scheme in ("http", "https"):
            options += [
                f"-D{scheme}.proxyHost={proxy.hostname}",
                f"-D{scheme}.proxyPort={proxy.port or (443 if proxy.scheme == 'https' else 80)}",
            ]
    # Despite its name, http.nonProxyHosts applies to both schemes.
    return (
        [*options, f"-Dhttp.nonProxyHosts={'|'.join([*NEVER_BY_PROXY, *_past_proxies(proxies.get('no', ''))])}"]
        if options
        else []
    )


def _past_proxies(no_proxy: str) -> list[str]:
    """Java's patterns for NO_PROXY, where a name includes its subdomains."""
    hosts = [host.strip().partition(":")[0].lstrip(".") for host in no_proxy.split(",") if "/" not in host]
    return [pattern for host in hosts if host for pattern in ((host,) if "*" in host else (host, f"*.{host}"))]


def _faults(output: str) -> str:
    faults = [
        line.strip()
        for line in output.splitlines()
        if any(word in line for word in ("ERROR", "FAILED", "not found", "Exception", "rror at url"))
    ]
    return "\n".join(f"  {line}" for line in dict.fromkeys(faults[:8] or output.splitlines()[-8:]))


def _ivy() -> Path:
    pyspark = find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise BadConfiguration("pyspark is not installed: run `make spark`.")
    return next(Path(pyspark.origin).parent.glob("jars/ivy-*.jar"))
