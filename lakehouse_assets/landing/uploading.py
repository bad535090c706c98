"""Uploads files from a disk: the key of each, and their order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.landing.convert import is_workbook, own_name
from lakehouse_assets.landing.csv_files.preflight import UnusableError, route_file
from lakehouse_assets.landing.local_files import Incoming
from lakehouse_assets.landing.order import UPLOAD_ORDER
from lakehouse_assets.landing.routing import dataset_named
from lakehouse_assets.landing.zone import LandingZone
from lakehouse_assets.parallel import in_parallel

Uploaded = tuple[str, str | None]
"""A file's key and version in the bucket; None if the version was gone before it could be asked for."""


def upload(zone: LandingZone, incoming: list[Incoming]) -> list[Uploaded]:
    """Uploads the files one after the other. Returns where each is, in the order of the files.

    Of two rows with one key, that of the later file stays. S3's times are whole seconds, so each object's metadata
    holds its place in the order. Raises LakehouseError for a file that cannot be read any more, BadConfiguration as
    `key_of` does.
    """

    def key_for(file: Incoming) -> str:
        with _readable(file):
            return key_of(file, zone)

    keys = in_parallel(key_for, incoming)
    begun = time.time_ns()
    uploaded: list[Uploaded] = []
    for place, (key, file) in enumerate(zip(keys, incoming, strict=True)):
        with _readable(file):
            uploaded.append((key, zone.store.upload(file.path, key, {UPLOAD_ORDER: f"{begun:020}-{place:06}"})))
    return uploaded


@contextmanager
def _readable(file: Incoming) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LakehouseError(
            f"{file.path} cannot be read any more ({error.strerror}). What was uploaded stays in the bucket; correct it"
            " and run again."
        ) from error


def key_of(file: Incoming, zone: LandingZone) -> str:
    """The key for a file. A CSV file goes into the folder of the stated dataset, or else of the dataset that its name
    or its header indicates. (If the two disagree, it is quarantined there with the reason.)

    Workbooks, and files that are like no dataset, go to the uploads. Raises BadConfiguration if the stated dataset does
    not exist, or if a dataset is stated for a workbook.
    """
    stated = file.dataset
    if stated is not None and stated not in zone.contracts:
        raise BadConfiguration(
            f"There is no dataset {stated} (--dataset); the datasets: {', '.join(zone.contracts)}. Nothing was"
            " uploaded."
        )
    if is_workbook(file.path):
        if stated is not None:
            raise BadConfiguration(
                f"{file.path} is a workbook or an archive: each of its sheets is routed by itself. Load it without"
                " --dataset. Nothing was uploaded."
            )
        return f"{zone.uploads}{file.name}"
    try:
        found = None if stated else route_file(file.path, zone.contracts, own_name(file.name))
        dataset = stated or (found.candidate if found else dataset_named(own_name(file.name), zone.contracts))
    except UnusableError:
        dataset = dataset_named(own_name(file.name), zone.contracts)
    return f"{zone.raw}{dataset}/{file.name}" if dataset else f"{zone.uploads}{file.name}"
