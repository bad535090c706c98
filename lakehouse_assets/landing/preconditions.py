"""Whether a batch may be closed: each dataset that it has work for is loaded, each file archived, the tables checked. A
step may be run alone, and out of turn.

A batch that were closed before would leave its files under raw/, where the next one takes them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.landing.ledger import unknown_to_ledger
from lakehouse_assets.landing.model import Manifest
from lakehouse_assets.landing.zone import LandingZone

FEW = 3
DO_THE_REST = "The batch stays as it was. Run the whole job (or `lakehouse load`): it goes on with the batch."


class NotDoneError(LakehouseError):
    """A step was asked for before those that it needs. It did nothing, and the batch is no worse than before."""


def note_checks(zone: LandingZone, batch_id: str, failed: Sequence[str]) -> None:
    """How the checks of a batch came out the last time: what failed, in words."""
    zone.store.put_json(zone.checks_key(batch_id), {"failed": list(failed)})


def confirm_loaded(batch_id: str, unloaded: Iterable[str]) -> None:
    """Raises NotDoneError where there are datasets that have work and no load to tell of."""
    if named := ", ".join(unloaded):
        raise NotDoneError(f"Batch {batch_id} is not loaded yet: {named}. {DO_THE_REST}")


def confirm_archived(zone: LandingZone, manifest: Manifest) -> None:
    """Raises NotDoneError where the ledger does not know a file of the batch."""
    if left := unknown_to_ledger(zone, [file.version for file in manifest.files]):
        named = ", ".join(version.key for version in left[:FEW]) + (
            f" and {len(left) - FEW:,} more" if len(left) > FEW else ""
        )
        raise NotDoneError(f"Batch {manifest.batch_id} is not archived yet: {named}. {DO_THE_REST}")


def confirm_checked(zone: LandingZone, batch_id: str) -> None:
    """Raises NotDoneError where the tables were not checked since the batch was loaded, or a check of them failed."""
    noted = zone.store.get_json(zone.checks_key(batch_id))
    if noted is None:
        raise NotDoneError(f"The tables were not checked since batch {batch_id} was loaded. {DO_THE_REST}")
    if noted["failed"]:
        raise NotDoneError(f"Checks of batch {batch_id} failed: {'; '.join(noted['failed'])}. {DO_THE_REST}")
