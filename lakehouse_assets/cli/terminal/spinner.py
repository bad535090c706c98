"""The steps of a batch in a terminal: one line a step, with a spinner and its seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import RenderableType
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from lakehouse_assets.cli.terminal.console import stderr
from lakehouse_assets.cli.terminal.errors import visible

MARKS = {"succeeded": Text("✓", "green"), "failed": Text("✗", "bold red"), "skipped": Text("-", "dim")}


class Mark(SpinnerColumn):
    def render(self, task: Task) -> RenderableType:
        return MARKS[task.fields["ended"]] if task.fields["ended"] else super().render(task)


class Seconds(ProgressColumn):
    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{seconds or 0:.1f} s", "dim", justify="right")


class Drawn:
    """Draws steps; see `progress.Steps`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, name: str, what: str) -> None:
        if what == "started":
            self._tasks[name] = self._progress.add_task(f"{readable(name):<38}", total=1, ended=None)
        elif name in self._tasks:
            self._progress.update(self._tasks.pop(name), completed=1, ended=what)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self(name, "started")
        try:
            yield
        except BaseException:
            self(name, "failed")
            raise
        self(name, "succeeded")

    def note(self, text: str) -> None:
        # On the console of the display, which moves the steps down.
        self._progress.console.print(visible(text, keep_lines=True))


@contextmanager
def steps_drawn() -> Iterator[Drawn]:
    """A listener that draws on the standard error."""
    with Progress(Mark(), TextColumn("{task.description}", markup=False), Seconds(), console=stderr()) as progress:
        yield Drawn(progress)


NAMES = {
    "convert_uploads": "Convert the workbooks",
    "landing__batch": "Inspect the files, freeze the batch",
    "published__archive": "Archive the files",
    "refresh_catalog": "Refresh the catalog",
    "athena_checks": "Check with Athena",
    "published__load_report": "Write the load report",
}
"""Names of the Dagster job's steps for users; `load_<dataset>` becomes "Load <dataset>"."""


def readable(name: str) -> str:
    """A step's name for users."""
    return NAMES.get(name, name.replace("_", " ").capitalize())
