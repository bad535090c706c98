"""An acceptance from its beginning to its end: whatever happens on the way, what was made is removed, and what was
found is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from aws_deploy.acceptance.batches import Batch
from aws_deploy.acceptance.comparison import Found
from aws_deploy.acceptance.expectations import Outcome, expectations
from aws_deploy.acceptance.permissions import missing_permission
from aws_deploy.acceptance.plan import PATHS, LoadPath
from aws_deploy.acceptance.report import KEPT, REMOVED, Report, report_of
from aws_deploy.acceptance.trial import Trial
from lakehouse_assets.errors import LakehouseError

INTERRUPTED = "interrupted"


def accept(trial: Trial, files: Sequence[Path], reference: Found, *, keep: bool) -> Report:
    """Runs every path. `files`: the batch, one of each dataset; `reference`: what they come to on this machine.

    Raises LakehouseError where what an earlier acceptance left cannot be removed: then nothing is made. What fails
    later is in the report.
    """
    trial.tell("Removing what an earlier acceptance may have left")
    trial.remove()
    began, outcomes, stopped = _now(), list[Outcome](), None
    try:
        trial.tell("Deploying")
        trial.deploy(PATHS[0])
        for path in PATHS:
            trial.tell(f"{path.name}: one batch")
            outcomes.append(_run(trial, path, files))
            trial.tell(f"{path.name}: {outcomes[-1].error or 'done'}")
        # After all of them: the figures of a call are there some time after it.
        outcomes = [_measured(trial, outcome) for outcome in outcomes]
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, what was made has to be removed; the report has it
        stopped = _said(error)
        outcomes += [
            Outcome(path, error=stopped, missing=missing_permission(stopped)) for path in PATHS[len(outcomes) :]
        ]
    cleaned = KEPT if keep else _removed(trial)
    return report_of(
        trial.site, began, _now(), outcomes, expectations(outcomes, reference, len(files)), cleaned, stopped
    )


def _run(trial: Trial, path: LoadPath, files: Sequence[Path]) -> Outcome:
    """Raises nothing but what stops all paths: the others still run after one that fails."""
    batch: Batch | None = None
    try:
        trial.deploy(path)
        batch = trial.load(path, files)
        return Outcome(path, batch, trial.look(path, batch))
    except Exception as error:  # noqa: BLE001 - a path that fails leaves the others alone; the report has it
        return Outcome(path, batch, error=_said(error), missing=missing_permission(str(error)))


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, LakehouseError) else f"{type(error).__name__}: {error}"


def _measured(trial: Trial, outcome: Outcome) -> Outcome:
    return replace(outcome, figures=trial.measure(outcome.path, outcome.batch)) if outcome.batch else outcome


def _removed(trial: Trial) -> str:
    trial.tell("Removing everything")
    try:
        trial.remove()
    except KeyboardInterrupt:
        return "not all removed: it was interrupted. `make acceptance` removes it first"
    except Exception as error:  # noqa: BLE001 - the report is written all the same
        return f"not all removed: {_said(error)}"
    return REMOVED


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
