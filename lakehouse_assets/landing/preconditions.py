"""The conditions under which a batch may be closed: each dataset that it has work for is loaded, each file is archived,
and the tables are checked. They are needed because a step may be run alone, out of turn.

If a batch were closed before its files are archived, they would stay under raw/, and the next batch would load them
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakehouse_assets.errors import StepOutOfTurn
from lakehouse_assets.landing.ledger import unknown_to_ledger
from lakehouse_assets.landing.model import Manifest
from lakehouse_assets.landing.zone import LandingZone

FEW = 3
DO_THE_REST = "The batch stays as it was. Run the whole job (or `lakehouse load`): it resumes the batch."


def note_checks(zone: LandingZone, batch_id: str, failed: Sequence[str]) -> None:
    """Records the outcome of the last checks of a batch. `failed`: a description of each check that failed."""
    zone.store.put_json(zone.checks_key(batch_id), {"failed": list(failed)})


def confirm_loaded(batch_id: str, unloaded: Iterable[str]) -> None:
    """Raises StepOutOfTurn if there are `unloaded` datasets: the batch has work for them, and no load has finished."""
    if named := ", ".join(unloaded):
        raise StepOutOfTurn(f"Batch {batch_id} is not loaded yet: {named}. {DO_THE_REST}")


def confirm_archived(zone: LandingZone, manifest: Manifest) -> None:
    """Raises StepOutOfTurn if the ledger lacks a file of the batch."""
    if left := unknown_to_ledger(zone, [file.version for file in manifest.files]):
        named = ", ".join(version.key for version in left[:FEW]) + (
            f" and {len(left) - FEW:,} more" if len(left) > FEW else ""
        )
        raise StepOutOfTurn(f"Batch {manifest.batch_id} is not archived yet: {named}. {DO_THE_REST}")


def confirm_checked(zone: LandingZone, batch_id: str) -> None:
    """Raises StepOutOfTurn if the tables were not checked since the batch was loaded, or a check failed."""
    noted = zone.store.get_json(zone.checks_key(batch_id))
    if noted is None:
        raise StepOutOfTurn(f"The tables were not checked since batch {batch_id} was loaded. {DO_THE_REST}")
    if noted["failed"]:
        raise StepOutOfTurn(f"Checks of batch {batch_id} failed: {'; '.join(noted['failed'])}. {DO_THE_REST}")
