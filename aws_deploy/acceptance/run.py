"""Runs an acceptance. Whatever happens, everything that was created is removed, and the findings are reported."""

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
    """Runs every path and returns the report. `files`: the batch, one file of each dataset; `reference`: the content
    after loading them on this machine.

    Raises LakehouseError if an earlier acceptance cannot be removed: then nothing is created. Later failures are in the
    report.
    """
    trial.log("Removing the remains of an earlier acceptance, if there are any")
    trial.remove()
    began, outcomes, stopped = _now(), list[Outcome](), None
    try:
        trial.log("Deploying")
        trial.deploy(PATHS[0])
        for path in PATHS:
            trial.log(f"{path.name}: one batch")
            outcomes.append(_run(trial, path, files))
            trial.log(f"{path.name}: {outcomes[-1].error or 'done'}")
        # After all paths, because the figures of a call appear some time after it.
        outcomes = [_measured(trial, outcome) for outcome in outcomes]
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - any error: everything has to be removed, and the report has the error
        stopped = _said(error)
        outcomes += [
            Outcome(path, error=stopped, missing=missing_permission(stopped)) for path in PATHS[len(outcomes) :]
        ]
    cleaned = KEPT if keep else _removed(trial)
    return report_of(
        trial.site, began, _now(), outcomes, expectations(outcomes, reference, len(files)), cleaned, stopped
    )


def _run(trial: Trial, path: LoadPath, files: Sequence[Path]) -> Outcome:
    """Runs one path. A failure is in the outcome, so that the other paths still run."""
    batch: Batch | None = None
    try:
        trial.deploy(path)
        batch = trial.load(path, files)
        return Outcome(path, batch, trial.look(path, batch))
    except Exception as error:  # noqa: BLE001 - the other paths still run; the report has the error
        return Outcome(path, batch, error=_said(error), missing=missing_permission(str(error)))


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, LakehouseError) else f"{type(error).__name__}: {error}"


def _measured(trial: Trial, outcome: Outcome) -> Outcome:
    return replace(outcome, figures=trial.measure(outcome.path, outcome.batch)) if outcome.batch else outcome


def _removed(trial: Trial) -> str:
    trial.log("Removing everything")
    try:
        trial.remove()
    except KeyboardInterrupt:
        return "not completely removed, because it was interrupted; the next `make acceptance` removes the rest first"
    except Exception as error:  # noqa: BLE001 - the report is written nevertheless
        return f"not completely removed: {_said(error)}"
    return REMOVED


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
