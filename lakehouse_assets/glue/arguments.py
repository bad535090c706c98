"""The arguments of the Glue jobs: written by what defines and starts a job, read by its entry point."""

from __future__ import annotations

from lakehouse_assets.settings import Settings

CONTRACT = ".odcs.yaml"
LOAD, CONVERT, ARCHIVE = STEPS = ("load", "convert", "archive")
OF_SETTINGS = (
    "bucket",
    "raw_prefix",
    "uploads_prefix",
    "tables_prefix",
    "rejected_prefix",
    "archive_prefix",
    "control_prefix",
    "reject_limit",
)


def arguments(settings: Settings, dataset: str, contracts: str) -> dict[str, str]:
    """The arguments of every run for a dataset, beside its --manifest. `contracts`: the folder in S3 that holds all
    contracts' documents.
    """
    return {"--dataset": dataset, "--contracts": contracts} | of_settings(settings)


def step_arguments(settings: Settings, step: str, contracts: str) -> dict[str, str]:
    """The arguments of every run of a step that is no load: CONVERT, or ARCHIVE, to which each run adds its --batch."""
    return {"--step": step, "--contracts": contracts} | of_settings(settings)


def of_settings(settings: Settings) -> dict[str, str]:
    return {flag(name): str(getattr(settings, name)) for name in OF_SETTINGS}


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
