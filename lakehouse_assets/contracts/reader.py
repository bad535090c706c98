"""Reads the contracts (Open Data Contract Standard v3 documents) into frozen objects, and reports each fault with its
place.

One message lists all faults of all documents, so that the author of a contract does not have to find them one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from open_data_contract_standard.model import DataQuality, OpenDataContractStandard, SchemaObject, SchemaProperty, Team

from lakehouse_assets.contracts.columns import IDENTIFIER, ambiguous_headers, custom, read_column, read_defaults
from lakehouse_assets.contracts.derived import with_values
from lakehouse_assets.contracts.document import read_document
from lakehouse_assets.contracts.encodings import read_encodings
from lakehouse_assets.contracts.faults import Faults, refuse
from lakehouse_assets.contracts.keys import KEY_KINDS, fault_of_parent, read_keys, read_parents
from lakehouse_assets.contracts.model import WHOLE_NUMBERS, Column, Contract, Contracts, Kind, Rule
from lakehouse_assets.contracts.predicates import mentions
from lakehouse_assets.contracts.rules import options_rules, quality_rule
from lakehouse_assets.contracts.structure import Structure
from lakehouse_assets.errors import BadConfiguration

SHIPPED = Path(__file__).parent
JOB_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
PARTITION_KINDS = {*WHOLE_NUMBERS, Kind.STRING, Kind.DATE}
VERSION_KINDS = {*WHOLE_NUMBERS, Kind.DATE, Kind.TIMESTAMP}
RESERVED_DATASETS = {"files"}
"""rejected/files/ holds the quarantined files."""


def read_contracts(folder: Path = SHIPPED) -> Contracts:
    """Reads every `*.odcs.yaml` of a folder, parents before children. Raises BadConfiguration that lists all faults."""
    documents = sorted(folder.glob("*.odcs.yaml"))
    if not documents:
        raise BadConfiguration(
            f"No contract (*.odcs.yaml) in {folder}. Put one document per dataset there, or correct"
            " LAKEHOUSE_CONTRACTS."
        )
    contracts, faults = examine(documents)
    refuse(faults.in_order())
    return contracts


def examine(documents: Sequence[Path], beside: Sequence[Path] = ()) -> tuple[Contracts, Faults]:
    """Reads documents as far as they can be read, and finds all their faults.

    `beside`: documents in which the parents are looked up. One whose dataset was read already is left out, and so are
    the faults of these documents.
    """
    faults = Faults()
    read = [_read_document(path, faults) for path in documents]
    there = {contract.dataset for contract in read if contract is not None}
    for path in beside:
        contract = _read_document(path, others := Faults())
        if contract is not None and contract.dataset not in there:
            read.append(None if others.found else contract)
            there.add(contract.dataset)
    known = [contract for contract in read if contract is not None]
    return Contracts(_parents_first(known, faults, complete=len(known) == len(read))), faults


def _read_document(path: Path, faults: Faults) -> Contract | None:
    """The contract, as far as it can be read."""

    def said(line: int, text: str) -> None:
        faults.add(path.name, text, line)

    document = read_document(path, said)
    if document is None:
        return None
    faults.documents[path.name] = document
    structure = Structure(document, said)
    model = structure.model

    def fault(text: str) -> None:
        if not structure.explains(text):
            faults.add(path.name, text)

    if model is None:
        return None
    if not (model.apiVersion or "").startswith("v3."):
        fault(f"apiVersion is {model.apiVersion!r}; this project reads ODCS v3: write v3.1.0.")
    if model.schema_ is None or len(model.schema_) != 1:
        fault("must describe exactly one schema object: one document per dataset.")
    if not model.schema_:
        return None
    contract = _read_schema(model, model.schema_[0], path, fault)
    return None if document.is_cut else contract


def _read_schema(
    document: OpenDataContractStandard, schema: SchemaObject, path: Path, fault: Callable[[str], None]
) -> Contract | None:
    name = schema.name or ""
    if not IDENTIFIER.match(name):
        fault(f"schema name {name!r} must be lower-case letters, digits and '_', starting with a letter.")
    if name in RESERVED_DATASETS:
        fault(f"schema name {name}: the name is used by the lakehouse itself; choose another.")
    faults_before: list[str] = []
    by_default = read_defaults(schema, faults_before.append)
    columns = tuple(
        c for p in schema.properties or [] if (c := read_column(p, by_default, faults_before.append)) is not None
    )
    for text in faults_before:
        fault(text)
    unread = {p.name or "" for p in schema.properties or []} - {column.name for column in columns}
    columns = with_values(columns, unread, fault)
    by_name = {column.name: column for column in columns}
    if not columns:
        return None if faults_before else fault("schema has no properties (columns).")
    for duplicate in sorted({c.name for c in columns if [d.name for d in columns].count(c.name) > 1}):
        fault(f"column {duplicate} is described twice.")
    for text in ambiguous_headers(columns):
        fault(text)

    keys = read_keys(schema, fault)
    partition = _one(schema, lambda p: bool(p.partitioned), "partitioned", fault)
    version = custom(schema, "version")
    for key in keys:
        if key in by_name and (by_name[key].kind not in KEY_KINDS or not by_name[key].required):
            fault(f"key {key} must be required and of type {_list(KEY_KINDS)}.")
    if partition in by_name and (by_name[partition].kind not in PARTITION_KINDS or not by_name[partition].required):
        fault(f"partition column {partition} must be required and of type {_list(PARTITION_KINDS)}.")
    if version is not None and (not isinstance(version, str) or version not in {*by_name, *unread}):
        fault(f"version column {version!r} is not among the columns.")
    elif version in by_name and by_name[version].derived is not None:
        fault(f"version column {version} must be a column of the files, not a calculated one.")
    elif version in by_name and (by_name[version].kind not in VERSION_KINDS or not by_name[version].required):
        fault(f"version column {version} must be required and of type {_list(VERSION_KINDS)}.")
    sample_rows = custom(schema, "sampleRows")
    if sample_rows is not None and (
        not isinstance(sample_rows, int) or isinstance(sample_rows, bool) or sample_rows < 1
    ):
        fault(f"sampleRows is {sample_rows!r}; it must be a whole number above 0.")
    job = custom(schema, "job")
    if job is not None and (not isinstance(job, str) or not JOB_NAME.match(job)):
        fault(f"job is {job!r}; a Glue job's name is made of letters, digits, '_' and '-'.")

    unknown_columns = custom(schema, "unknownColumns")
    if unknown_columns not in (None, "allow"):
        fault(
            f"unknownColumns is {unknown_columns!r}; the only value is 'allow': then more than half of a file's columns"
            " may be unknown to the contract."
        )

    rules = tuple(_rules(schema, by_name, unread, fault))
    for repeated in sorted({r.name for r in rules if [q.name for q in rules].count(r.name) > 1}):
        fault(f"two rules are named {repeated!r}.")
    return Contract(
        dataset=name,
        document=path.name,
        contract_version=document.version or "",
        description=" ".join((schema.description or name).split()),
        columns=columns,
        keys=keys,
        version=version,
        partition=partition,
        parents=read_parents(schema, fault),
        rules=rules,
        sample_rows=sample_rows if isinstance(sample_rows, int) else 100,
        job=job if isinstance(job, str) else f"{name}_etl",
        team=_team(document),
        allows_unknown=unknown_columns == "allow",
        encodings=read_encodings(document, fault),
    )


def _team(document: OpenDataContractStandard) -> str | None:
    """The team's name. (Up to ODCS v3.0 `team` was a list of people, without a common name.)"""
    return document.team.name if isinstance(document.team, Team) else None


def _rules(
    schema: SchemaObject, columns: dict[str, Column], unread: set[str], fault: Callable[[str], None]
) -> Iterator[Rule]:
    """`unread`: columns with a fault of their own. A predicate that mentions one cannot be checked."""
    for prop in schema.properties or []:
        if prop.name in columns:
            yield from options_rules(columns[prop.name], prop, fault)
    qualities: list[DataQuality] = [
        *(schema.quality or []),
        *(q for p in schema.properties or [] for q in p.quality or []),
    ]
    for quality in qualities:
        if mentions(quality.implementation, unread):
            continue
        rule = quality_rule(quality, columns, fault)
        if rule is not None:
            yield rule


def _parents_first(contracts: list[Contract], faults: Faults, *, complete: bool) -> tuple[Contract, ...]:
    """`complete`: whether every document could be read. If not, a missing parent may be in a document that could not be
    read; the fault of that document is enough.
    """
    by_dataset: dict[str, Contract] = {}
    for contract in contracts:
        if contract.dataset in by_dataset:
            faults.add(
                contract.document,
                f"dataset {contract.dataset} is described by {by_dataset[contract.dataset].document} already.",
            )
        by_dataset[contract.dataset] = contract
    for contract in contracts:
        known = [parent for parent in contract.parents if complete or parent.dataset in by_dataset]
        for parent in known:
            if fault := fault_of_parent(contract, parent, by_dataset):
                faults.add(contract.document, fault)
    graph = {
        contract.dataset: sorted({p.dataset for p in contract.parents if p.dataset in by_dataset})
        for contract in contracts
    }
    try:
        return tuple(by_dataset[dataset] for dataset in TopologicalSorter(graph).static_order())
    except CycleError as error:
        faults.add(None, f"the datasets are each other's parents: {' -> '.join(error.args[1])}.")
        return ()


def _one(
    schema: SchemaObject, chosen: Callable[[SchemaProperty], bool], word: str, fault: Callable[[str], None]
) -> str | None:
    found = [prop.name or "" for prop in schema.properties or [] if chosen(prop)]
    if len(found) > 1:
        fault(f"{len(found)} columns are {word} ({', '.join(found)}); exactly one is supported.")
    return found[0] if found else None


def _list(kinds: set[Kind]) -> str:
    return " or ".join(sorted(kinds))
