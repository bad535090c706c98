"""The page of the exit codes."""

from __future__ import annotations

from docs_reference.markdown import bullets, code, page, paragraph
from lakehouse_assets.cli.terminal.errors import FAILED, WRONG_USAGE

INTRODUCTION = "What the exit code of a `lakehouse` command means, for scripts, schedulers and CI."
SUCCEEDED, INTERRUPTED = 0, 130
CODES = {
    SUCCEEDED: (
        "The command did what it says. For `lakehouse load`: the batch succeeded, or there was nothing to load."
        " Rejected rows and quarantined files are in the report, and do not change the exit code."
    ),
    FAILED: "It failed. The message says what happened and what to do next.",
    WRONG_USAGE: (
        "Wrong usage or configuration: a command or option that does not exist, a setting or a contract that cannot be"
        " used, a statement that `lakehouse query` refuses. Nothing was changed."
    ),
    INTERRUPTED: "It was interrupted by Ctrl-C or SIGTERM. What it started is stopped. The next load resumes a batch.",
}
OF_COMMANDS = {
    "load": (
        f"{FAILED} if the batch failed, or if a dataset lost more than `--fail-above` says (the batch is loaded then)."
        " With `--json`, one object is on the standard output in each of these cases: its `status` is `failed` and"
        " `error` says why. After an interrupt, or for an option that does not exist, there is none."
    ),
    "check": f"{FAILED} if a check failed. A warning does not change the exit code.",
    "doctor": f"{FAILED} if something is broken.",
    "abandon": f"{WRONG_USAGE} if it would have to ask, and nobody can answer: give `--yes`.",
    "up": f"{SUCCEEDED} after Ctrl-C or `lakehouse down`; {FAILED} if what it runs ended by itself.",
}


def exit_codes_page() -> str:
    """docs/reference/exit-codes.md"""
    return page(
        "Exit codes",
        INTRODUCTION,
        bullets(f"{code(number)}: {text}" for number, text in CODES.items()),
        "## By command",
        bullets(f"{code(f'lakehouse {name}')}: {text}" for name, text in OF_COMMANDS.items()),
        "## make acceptance",
        paragraph(
            "0 if every path of the deployment did what is expected, 1 if a path failed, results differ or something is"
            " left behind, 130 after Ctrl-C."
        ),
    )
