"""Dagster's image: built with Docker from `lakehouse_assets/server/Dockerfile`, and pushed to the deployment's own
repository. Its tag is a hash of what it is built from, so an image that is there already is not built again.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from os import environ
from pathlib import Path
from typing import Any

from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.errors import BadConfiguration

ROOT = Path(__file__).parents[2]
DOCKERFILE = "lakehouse_assets/server/Dockerfile"
BUILT_FROM = (
    "LICENSE",
    "README.md",
    "lakehouse_assets",
    "pyproject.toml",
    "requirements-setup.lock",
    "requirements.lock",
)
"""What the Dockerfile copies; a test compares."""
PLATFORM = "linux/amd64"
CONTRACTS = "/srv/lakehouse/contracts"
WITH_CONTRACTS = f"FROM {{base}}\nCOPY *.odcs.yaml {CONTRACTS}/\nENV LAKEHOUSE_CONTRACTS={CONTRACTS}\n"
LENGTH = 20
HOW_TO = (
    "Install Docker and start it; or deploy from GitHub, whose machines have it; or set DEPLOY_IMAGE to an image that"
    f" was built from {DOCKERFILE}."
)
Log = Callable[[str], None]


def tag_of(contracts: Path) -> str:
    """The tag of the image that this checkout and these contracts make."""
    digest = hashlib.sha256(PLATFORM.encode())
    own = [] if contracts == SHIPPED else sorted(contracts.glob("*.odcs.yaml"))
    for path in [*_files(ROOT / name for name in BUILT_FROM), *own]:
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) and path not in own else path.name
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:LENGTH]


def _files(places: Iterable[Path]) -> list[Path]:
    found = [file for place in places for file in ([place] if place.is_file() else place.rglob("*"))]
    return sorted(file for file in found if file.is_file() and "__pycache__" not in file.parts)


def docker_works() -> bool:
    """Whether there is a Docker client, and a daemon that answers it."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=60)  # noqa: S607
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def build(tag: str, contracts: Path, log: Log) -> str:
    """Builds the image. Returns its local name. Raises BadConfiguration if the build fails."""
    name = f"lakehouse:{tag}"
    base = name if contracts == SHIPPED else f"{name}-base"
    log(f"Building Dagster's image {name} (some minutes the first time)")
    options = ["build", "--platform", PLATFORM]
    _docker([*options, "--file", DOCKERFILE, "--tag", base, "."], "building the image", cwd=ROOT)
    if base != name:
        text = WITH_CONTRACTS.format(base=base)
        _docker([*options, "--file", "-", "--tag", name, str(contracts)], "adding the contracts", text=text)
    return name


def push(ecr: Any, repository: str, name: str, tag: str, log: Log) -> None:
    """Pushes a local image to a repository of ECR. The user's own sign-ins stay as they are."""
    target = f"{repository}:{tag}"
    log(f"Pushing {target}")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    with tempfile.TemporaryDirectory() as folder:
        own = ["--config", folder]
        host = repository.partition("/")[0]
        _docker([*own, "login", "--username", user, "--password-stdin", host], "signing in to ECR", text=password)
        _docker(["tag", name, target], "naming the image")
        _docker([*own, "push", "--quiet", target], "pushing the image")


def digest_of(ecr: Any, repository: str, tag: str) -> str | None:
    """The digest of a tag; None if the repository has no such tag, or does not exist. `repository`: its name."""
    try:
        found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        return None
    return str(found[0]["imageDigest"])


def _docker(arguments: list[str], doing: str, text: str | None = None, cwd: Path | None = None) -> None:
    done = subprocess.run(
        ["docker", *arguments],  # noqa: S607
        input=text,
        text=True,
        stdout=subprocess.DEVNULL if text and "login" in arguments else None,
        cwd=cwd,
        check=False,
        env={**environ, "DOCKER_BUILDKIT": "1"},
    )
    if done.returncode:
        raise BadConfiguration(f"Docker failed while {doing} (exit code {done.returncode}). Its reason is above.")
