"""Pending files: those that no batch has taken yet, whether the gate lets a batch start, and the batch that is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.landing.ledger import unknown_to_ledger
from lakehouse_assets.landing.model import FileVersion, Manifest, Outcome, Skipped, batch_id_of
from lakehouse_assets.landing.stored_manifest import from_json
from lakehouse_assets.landing.zone import LandingZone
from lakehouse_assets.parallel import in_parallel

Gate = Literal["all", "any"]


def open_batch(zone: LandingZone) -> Manifest | None:
    """The batch that is open, or None."""
    pointer = zone.store.get_json(zone.open_batch_key)
    return read_manifest(zone, pointer["batch_id"]) if pointer else None


def read_manifest(zone: LandingZone, batch_id: str) -> Manifest:
    value = zone.store.get_json(zone.manifest_key(batch_id))
    if value is None:
        raise BadConfiguration(
            f"The manifest of batch {batch_id} is missing: someone deleted {zone.manifest_key(batch_id)}. Restore that"
            " object from its older version, then run again. (Without it nobody knows which files the batch holds.)"
        )
    return from_json(value, zone.store.bucket)


def work_to_do(zone: LandingZone, gate: Gate) -> str | None:
    """An identifier of the work that a batch would do now; the same work has the same identifier. None if no files are
    pending, or the gate holds them back.

    An interrupted batch is work. A failed batch is not: a person has to act first, and until then the files behind it
    are not work either, or each file that arrives would run the failed batch again.
    """
    under_way = open_batch(zone)
    if under_way is not None:
        if reported_status(zone, under_way) in ("failed", "abandoned"):
            return None
        lease = zone.store.get_json(zone.lease_key)
        return f"{under_way.batch_id}-again-{lease['epoch'] if lease else 0}"
    uploads, fresh, _ = pending(zone)
    waiting = [*uploads, *fresh]
    if not waiting or not (gate_is_open(gate, zone, fresh) or _are_unknown(zone, uploads)):
        return None
    return batch_id_of(waiting)


def _are_unknown(zone: LandingZone, uploads: list[FileVersion]) -> bool:
    """Whether an upload is not converted yet. Until then nobody knows which datasets it holds, and the gate may need
    them.
    """
    return not all(in_parallel(lambda version: zone.store.exists(zone.conversion_key(version.file_id)), uploads))


@dataclass(frozen=True)
class HeldBack:
    """Files that the gate holds back. `oldest`: the one that has waited longest; `missing`: the datasets without a
    pending file.
    """

    oldest: FileVersion
    files: int
    missing: tuple[str, ...]


def held_back(zone: LandingZone, gate: Gate, longer_than: timedelta) -> HeldBack | None:
    """The files that the gate holds back, if the oldest has waited longer than `longer_than`; otherwise None. Also None
    while a batch is open: the next one takes the files, or the open one needs attention first.
    """
    if gate == "any" or zone.store.exists(zone.open_batch_key):
        return None
    uploads, fresh, _ = pending(zone)
    oldest = _oldest((*uploads, *fresh))
    if oldest is None or datetime.now(UTC) - oldest.modified < longer_than:
        return None
    present = {dataset_of(zone, version.key) for version in fresh}
    return HeldBack(
        oldest, len(uploads) + len(fresh), tuple(dataset for dataset in zone.contracts if dataset not in present)
    )


def waiting_files(zone: LandingZone) -> dict[str, list[FileVersion]]:
    """The file versions in each dataset's folder now."""
    inside, _ = _by_dataset(zone, zone.store.waiting(zone.raw))
    return {
        dataset: [version for version in inside if dataset_of(zone, version.key) == dataset]
        for dataset in zone.contracts
    }


def reported_status(zone: LandingZone, manifest: Manifest) -> str | None:
    """The status in the report of a batch; None if it has no report yet."""
    report = zone.store.get_json(zone.report_key(manifest))
    return report["status"] if report else None


def waiting_since(zone: LandingZone) -> datetime | None:
    """When the oldest pending file arrived; None if no file is pending. The files of the open batch are pending until
    they are archived.
    """
    uploads, fresh, _ = pending(zone)
    oldest = _oldest((*uploads, *fresh))
    return oldest.modified if oldest else None


def _oldest(versions: Iterable[FileVersion]) -> FileVersion | None:
    return min(versions, key=lambda version: (version.modified, version.key), default=None)


def pending(zone: LandingZone) -> tuple[list[FileVersion], list[FileVersion], list[Skipped]]:
    """Uploads and files in a dataset's folder, both without those in the ledger; and the files under raw/ that are not
    in a dataset's folder.
    """
    uploads = unknown_to_ledger(zone, zone.store.waiting(zone.uploads))
    raw, strays = _by_dataset(zone, zone.store.waiting(zone.raw))
    return uploads, unknown_to_ledger(zone, raw), strays


def chosen_gate(stated: str | None, setting: Gate) -> Gate:
    """The gate of a run: the one that was stated for it, or else the setting's. Any other text is `all`."""
    return "any" if (stated or setting) == "any" else "all"


def gate_is_open(gate: Gate, zone: LandingZone, fresh: list[FileVersion]) -> bool:
    return gate == "any" or {dataset_of(zone, version.key) for version in fresh} == set(zone.contracts)


def dataset_of(zone: LandingZone, key: str) -> str:
    return key.removeprefix(zone.raw).split("/", 1)[0]


def _by_dataset(zone: LandingZone, versions: list[FileVersion]) -> tuple[list[FileVersion], list[Skipped]]:
    """The versions in a dataset's folder; and the others, which are left where they are and reported."""
    inside = [
        version
        for version in versions
        if "/" in version.key.removeprefix(zone.raw) and dataset_of(zone, version.key) in zone.contracts
    ]
    ids = {version.file_id for version in inside}
    reason = (
        f"lies in no dataset's folder ({', '.join(f'{zone.raw}{dataset}/' for dataset in zone.contracts)}); left where"
        " it is"
    )
    return inside, [Skipped(version.key, Outcome.IGNORED, reason) for version in versions if version.file_id not in ids]
