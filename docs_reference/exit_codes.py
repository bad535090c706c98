"""The page of the exit codes, from `lakehouse_assets.cli.exit_codes`."""

from __future__ import annotations

from docs_reference.markdown import bullets, code, page, paragraph
from lakehouse_assets.cli.exit_codes import OF_COMMANDS, ExitCode

INTRODUCTION = "What the exit code of a `lakehouse` command means, for scripts, schedulers and CI."


def exit_codes_page() -> str:
    """docs/reference/exit-codes.md"""
    return page(
        "Exit codes",
        INTRODUCTION,
        bullets(f"{code(each.value)}: {each.__doc__}" for each in ExitCode),
        "## By command",
        bullets(f"{code(f'lakehouse {name}')}: {text}" for name, text in OF_COMMANDS.items()),
        "## make acceptance",
        paragraph(
            "0 if every path of the deployment did what is expected, 1 if a path failed, results differ or something is"
            " left behind, 130 after Ctrl-C."
        ),
    )
