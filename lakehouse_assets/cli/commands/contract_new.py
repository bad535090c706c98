"""`lakehouse contract new`: a draft of a contract from the files that it is for."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lakehouse_assets.cli.terminal.errors import print_note
from lakehouse_assets.cli.terminal.progress import steps_shown
from lakehouse_assets.contracts import Contract
from lakehouse_assets.contracts.columns import IDENTIFIER
from lakehouse_assets.contracts.draft import able_keys, dataset_name, draft
from lakehouse_assets.contracts.encodings import ENCODINGS, UTF_8, encoding_named
from lakehouse_assets.contracts.reader import examine
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.facts import Header, facts_of, header_of
from lakehouse_assets.settings import read_settings


def new(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV files, also gzipped. Files with the same header make one draft."),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The name of the dataset.", show_default="that of the file"),
    ] = None,
    encoding: Annotated[
        str,
        typer.Option(metavar="NAME", help=f"The encoding of the files: {', '.join(ENCODINGS)}."),
    ] = UTF_8,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the draft into this folder, as NAME.odcs.yaml, instead of printing it. Overwrites nothing.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Draft a contract from files.

    The draft states what the rows show: the columns with their names in the file, their types, the forms of numbers
    and dates, words such as NULL, which columns have a value in each row, and a key whose values are unique. What the
    rows only suggest is a comment: lists of values, ranges, other keys, and columns that look like the key of another
    dataset. lakehouse contract check accepts the draft; correct it before you load.
    """
    settings = read_settings()
    there = list(examine(sorted(settings.contracts.glob("*.odcs.yaml")))[0].values())
    known = encoding_named(encoding)
    if known is None:
        raise BadConfiguration(f"--encoding {encoding}: it must be one of {', '.join(ENCODINGS)}.")
    by_header: dict[Header, list[Path]] = defaultdict(list)
    for path in files:
        if not path.is_file():
            raise BadConfiguration(f"There is no such file: {path}")
        by_header[header_of(path, known)].append(path)
    if len(by_header) > 1 and (into is None or dataset is not None):
        raise BadConfiguration(
            f"The files have {len(by_header)} different headers, so they make as many drafts: name a folder with"
            " --into, and no --dataset; or draft them one by one."
        )
    if dataset is not None and not IDENTIFIER.match(dataset):
        raise BadConfiguration(
            f"--dataset {dataset}: a name is lower-case letters, digits and '_', starting with a letter."
        )
    drafts: dict[str, str] = {}
    for header, paths in by_header.items():
        name = dataset or dataset_name(paths[0].name)
        if name in drafts:
            raise BadConfiguration(f"Two drafts would be named {name}: draft the files one by one, with --dataset.")
        with steps_shown() as steps, steps.step(f"Read {', '.join(path.name for path in paths)}"):
            drafts[name] = _drafted(name, paths, header, there, settings.memory_mb, known)
    for name, text in drafts.items():
        if into is None:
            typer.echo(text, nl=False)
        else:
            _write(into, name, text)


def _drafted(
    name: str, paths: Sequence[Path], header: Header, there: Sequence[Contract], memory_mb: int, encoding: str
) -> str:
    with tempfile.TemporaryDirectory(prefix="lakehouse-") as scratch:
        facts = facts_of(paths, header, name, Path(scratch), memory_mb, encoding)
    rows = facts.rows
    if not able_keys(facts.columns, name):
        raise BadConfiguration(
            f"{paths[0]}: no column has a whole number or a text in each of the {rows:,} rows, so none can be the key"
            " that tells rows apart. Add such a column to the file."
        )
    origin = f"{', '.join(path.name for path in paths)} ({rows:,} row{'s' * (rows != 1)})"
    return draft(name, facts, header.left_out, there, origin, encoding)


def _write(folder: Path, name: str, text: str) -> None:
    path = folder / f"{name}.odcs.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise BadConfiguration(f"{path} exists, and is left as it is. Choose another folder, or --dataset.") from None
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be written: {error.strerror}.") from error
    print_note(f"{path} is a draft. Correct it, then run: lakehouse contract check {path}")
