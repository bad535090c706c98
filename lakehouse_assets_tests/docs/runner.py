"""Runs the code blocks of a page, in order, in one folder, as a person who reads the page does.

- Shell (`bash`, `sh`): each block is a bash that ends with the first command that fails. Variables and the current
  folder stay for the blocks after it; what it left in the background ends with the page.
- `python`: a program of its own.
- `sql`: one query, through `lakehouse query`.
- `yaml` and `json`: must be readable. A block of any language with `title="name"` is written into a file of that name.
- Every other block is what something prints, or a diagram.

A comment before a block says otherwise: `<!-- not run: why -->`, `<!-- exits with: 1 -->`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets_tests.docs.markdown import Block, blocks

SHELL, PYTHON, SQL = ("bash", "sh", "shell"), ("python", "py"), ("sql",)
RUN = (*SHELL, *PYTHON, *SQL)
SECONDS = 300
AROUND = """set -a
[ ! -f "$STATE/variables" ] || . "$STATE/variables"
cd "$(cat "$STATE/folder")"
trap 'code=$?; export -p > "$STATE/variables"; pwd > "$STATE/folder"; exit $code' EXIT
set -eo pipefail
"""
"""What stands before each block's script: every variable is kept for the blocks after it."""


@dataclass
class PageRun:
    """The blocks of one page in one folder. `state` is where variables and the current folder are kept."""

    page: str
    folder: Path
    state: Path
    groups: list[int] = field(default_factory=list)

    def run(self, text: str) -> int:
        """Runs the page's blocks; how many. Raises AssertionError for one that does not end as it must."""
        self.state.mkdir(parents=True)
        (self.state / "folder").write_text(str(self.folder), "utf-8")
        number = 0
        for block in blocks(text):
            if block.not_run is None and (block.title or block.language in (*RUN, "yaml", "json")):
                self._do(block)
                number += 1
        return number

    def _do(self, block: Block) -> None:
        if block.title:
            target = Path((self.state / "folder").read_text("utf-8").strip()) / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.code + "\n", "utf-8")
        elif block.language == "yaml":
            self._read(block, lambda: list(yaml.safe_load_all(block.code)))
        elif block.language == "json":
            self._read(block, lambda: json.loads(block.code))
        else:
            self._run(block)

    def _read(self, block: Block, read: object) -> None:
        try:
            read()  # type: ignore[operator]
        except ValueError as error:
            raise AssertionError(f"{self.page}, line {block.line}: this is not {block.language}: {error}") from error
        except yaml.YAMLError as error:
            raise AssertionError(f"{self.page}, line {block.line}: this is not yaml: {error}") from error

    def _run(self, block: Block) -> None:
        script = self.state / f"line_{block.line}"
        (script.with_suffix(".code")).write_text(block.code + "\n", "utf-8")
        command = {
            **dict.fromkeys(SHELL, block.code),
            **dict.fromkeys(PYTHON, f'python "{script}.code"'),
            **dict.fromkeys(SQL, f'lakehouse query "$(cat "{script}.code")"'),
        }[block.language]
        script.with_suffix(".sh").write_text(f"{AROUND}{command}\n", "utf-8")
        output = script.with_suffix(".output")
        with output.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "--noprofile", "--norc", f"{script}.sh"],
                cwd=self.folder,
                env=environment(self.folder, self.state),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.groups.append(process.pid)
            try:
                code = process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                code = f"none within {SECONDS} seconds"  # type: ignore[assignment]
        if code != block.exits_with:
            raise AssertionError(
                f"{self.page}, line {block.line}: exit code {code} instead of {block.exits_with}\n\n{block.code}\n\n"
                f"{output.read_text('utf-8', 'replace')}"
            )

    def end(self) -> None:
        """Ends what the blocks left in the background."""
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)


@contextmanager
def page_run(page: str, place: Path, *, aws: bool = True) -> Iterator[PageRun]:
    """A folder for a page. With `aws`, the embedded AWS of its home runs already, which spares each command its
    start."""
    folder = place / "work"
    folder.mkdir(parents=True)
    run = PageRun(page, folder, place / "state")
    try:
        if aws:
            with embedded_aws(folder / ".lakehouse"):
                yield run
        else:
            yield run
    finally:
        run.end()


def environment(folder: Path, state: Path) -> dict[str, str]:
    """A person's who has installed the project and set nothing."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "JAVA_HOME", "TMPDIR") if name in os.environ}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "HOME": str(folder.parent), "STATE": str(state), "TERM": "dumb"}
