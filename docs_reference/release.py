"""`python -m docs_reference.release TAG`: what CHANGELOG.md says of the version that a tag names, for its release.

Ends with exit code 1 if the tag, pyproject.toml and CHANGELOG.md do not agree on the version.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(tag: str, root: Path = ROOT) -> str:
    """The section of the changelog for `tag` (`v0.2.0`). Raises LookupError if the versions do not agree."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise LookupError(f"The tag {tag} is not v{version}, the version of pyproject.toml.")
    sections = re.split(r"^## ", (root / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    found = [section for section in sections[1:] if re.match(rf"\[?{re.escape(version)}\b", section)]
    if len(found) != 1:
        raise LookupError(f"CHANGELOG.md has {len(found)} sections for version {version}; it needs one.")
    return found[0].partition("\n")[2].strip() + "\n"


if __name__ == "__main__":
    try:
        print(notes(sys.argv[1]), end="")
    except LookupError as error:
        sys.exit(str(error))
