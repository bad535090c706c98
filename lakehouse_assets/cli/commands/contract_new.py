"""`lakehouse contract new`: a draft of a contract from the files that it is for."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
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
from lakehouse_assets.errors import BadConfiguration, BadData
from lakehouse_assets.etl.facts import Header, Source, facts_of, header_of
from lakehouse_assets.landing.convert import is_workbook
from lakehouse_assets.landing.workbooks.convert import convert_sheets
from lakehouse_assets.settings import read_settings


def new(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="CSV files (also gzipped) and Excel workbooks. Those with the same header make one draft.",
        ),
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
    if absent := [str(path) for path in files if not path.is_file()]:
        raise BadConfiguration(f"There is no such file: {', '.join(absent)}")
    if dataset is not None and not IDENTIFIER.match(dataset):
        raise BadConfiguration(
            f"--dataset {dataset}: a name is lower-case letters, digits and '_', starting with a letter."
        )
    with (
        steps_shown() as steps,
        tempfile.TemporaryDirectory(prefix="lakehouse-") as scratch,
        steps.step(f"Read {len(files):,} file{'s' * (len(files) != 1)}"),
    ):
        by_header: dict[Header, list[Source]] = defaultdict(list)
        for source in _sources(files, Path(scratch)):
            by_header[header_of(source, known)].append(source)
        if len(by_header) > 1 and (into is None or dataset is not None):
            raise BadConfiguration(
                f"The files have {len(by_header)} different headers, so they make as many drafts: name a folder with"
                " --into, and no --dataset; or draft them one by one."
            )
        drafts: dict[str, str] = {}
        for header, sources in by_header.items():
            name = dataset or _name(sources[0], list(by_header.values()))
            if name in drafts:
                raise BadConfiguration(f"Two drafts would be named {name}: draft the files one by one, with --dataset.")
            drafts[name] = _drafted(name, sources, header, there, Path(scratch), settings.memory_mb, known)
    for name, text in drafts.items():
        if into is None:
            typer.echo(text, nl=False)
        else:
            _write(into, name, text)


def _sources(files: Sequence[Path], scratch: Path) -> Iterator[Source]:
    """The CSV files, and the sheets of the workbooks as CSV files."""
    for number, path in enumerate(files):
        if not is_workbook(path):
            yield Source(path, path.name)
            continue
        try:
            sheets = convert_sheets(path, scratch / f"workbook-{number}")
        except BadData as problem:
            raise BadData(f"{path.name}: {problem}") from problem
        for sheet in sheets:
            if sheet.csv is not None:
                yield Source(sheet.csv, f"{path.name}#{sheet.name}")
            else:
                print_note(f"{path.name}#{sheet.name} is left out: {sheet.reason}")


def _name(source: Source, groups: Sequence[Sequence[Source]]) -> str:
    """The name of a dataset: that of its first file. If the sheets of a workbook have several headers: that of the
    sheet.
    """
    book, _, sheet = source.name.partition("#")
    alike = [group for group in groups if any(each.name.partition("#")[0] == book for each in group)]
    return dataset_name(sheet if sheet and len(alike) > 1 else book)


def _drafted(
    name: str,
    sources: Sequence[Source],
    header: Header,
    there: Sequence[Contract],
    scratch: Path,
    memory_mb: int,
    encoding: str,
) -> str:
    facts = facts_of(sources, header, name, scratch, memory_mb, encoding)
    if not able_keys(facts.columns, name):
        raise BadConfiguration(
            f"{sources[0].name}: no column has a whole number or a text in each of the {facts.rows:,} rows, so none can"
            " be the key that tells rows apart. Add such a column to the file."
        )
    origin = f"{', '.join(source.name for source in sources)} ({facts.rows:,} row{'s' * (facts.rows != 1)})"
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
