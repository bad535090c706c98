"""The arguments of the Glue jobs, for the code that defines and starts a job, and for the job's entry point."""

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
    """The arguments of every load of a dataset; each run adds its --manifest. `contracts`: the location (s3://…/) of
    the contracts.
    """
    return {"--dataset": dataset, "--contracts": contracts} | of_settings(settings)


def step_arguments(settings: Settings, step: str, contracts: str) -> dict[str, str]:
    """The arguments of every run of another step: CONVERT, or ARCHIVE, to which each run adds its --batch."""
    return {"--step": step, "--contracts": contracts} | of_settings(settings)


def of_settings(settings: Settings) -> dict[str, str]:
    """The settings of OF_SETTINGS as arguments."""
    return {flag(name): str(getattr(settings, name)) for name in OF_SETTINGS}


def flag(name: str) -> str:
    """raw_prefix as --raw-prefix."""
    return f"--{name.replace('_', '-')}"
