"""The exit codes of `lakehouse`. The documentation's page is generated from this module."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command ends with. Each value has its meaning as its docstring."""

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        value = int.__new__(cls, code)
        value._value_ = code
        value.__doc__ = meaning
        return value

    SUCCEEDED = (
        0,
        "The command succeeded. For `lakehouse load`: the batch succeeded, or there was nothing to load. Rejected rows"
        " and quarantined files are in the report and do not change the exit code.",
    )
    FAILED = 1, "The command failed, or a check found an error. The message says what happened and what to do next."
    WRONG_USAGE = (
        2,
        "Wrong usage or configuration: an unknown command or option, an invalid setting or contract, a missing"
        " permission, or a statement that `lakehouse query` rejects.",
    )
    INTERRUPTED = (
        130,
        "The command was interrupted by Ctrl-C or SIGTERM. Everything it started is stopped. The next load resumes an"
        " open batch.",
    )


OF_COMMANDS = {
    "load": (
        "1 if the batch failed, or if more of a dataset's rows were rejected than `--fail-above` allows; the batch is"
        " then loaded nevertheless. With `--json` each of these cases prints one object on the standard output: its"
        " `status` is `failed` and its `error` says why. An interrupt, or an unknown option, prints none."
    ),
    "validate": (
        "1 if a file, or a sheet with rows, would not be taken, or if more of a dataset's rows would be rejected than"
        " `--fail-above` allows (without it: any). Rows that would only wait for a parent do not count. `lakehouse load"
        " --dry-run` has the same exit codes."
    ),
    "contract new": "1 if a file cannot be read, and 2 if it makes no draft, or if the draft's file exists already.",
    "contract check": "1 if a contract has a fault, or an engine cannot run its plan.",
    "check": "1 if a check failed. A warning does not change the exit code.",
    "doctor": "1 if a check found an error.",
    "abandon": "2 if a confirmation is needed and the standard input is not a terminal: give `--yes`.",
    "up": "0 after Ctrl-C or `lakehouse down`; 1 if Dagster or the embedded AWS ended by itself.",
}
"""What an exit code means for a command in particular."""
