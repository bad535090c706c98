"""`make acceptance`: asks for confirmation, runs, and reports, in the AWS account that boto3's own environment names
(AWS_PROFILE, AWS_REGION, …).
"""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from aws_deploy.acceptance.batches import make_files
from aws_deploy.acceptance.plan import question, site_of
from aws_deploy.acceptance.reference import reference
from aws_deploy.acceptance.report import Report, markdown, write
from aws_deploy.acceptance.run import INTERRUPTED, accept
from aws_deploy.acceptance.statements import product_statements
from aws_deploy.acceptance.trial import Trial
from aws_deploy.deploy import ask_first, errors_printed
from aws_deploy.packaging import AWS_LAMBDA, Target
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.environment import refuse_division
from lakehouse_assets.contracts import SHIPPED, read_contracts
from lakehouse_assets.settings import read_settings

FAILED, STOPPED = 1, 130


def main(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Remove nothing at the end.")] = False,
) -> None:
    """Test everything in an AWS account: deploy, load one small batch by each path, report, and remove it again. The
    exit code is 1 if something does not work.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    with errors_printed():
        report = run(Aws(), yes=yes, keep=keep)
        text, data = write(report, read_settings().home / "acceptance")
    print(markdown(report))
    print(f"The report: {text} and {data}")
    if not report.passed:
        raise typer.Exit(STOPPED if report.stopped == INTERRUPTED else FAILED)


def run(aws: Aws, *, yes: bool, keep: bool, target: Target = AWS_LAMBDA) -> Report:
    """Asks for confirmation and runs the acceptance. Raises LakehouseError if it cannot begin, and typer.Abort if the
    answer is no: then nothing was created.
    """
    refuse_division()
    contracts = read_contracts(SHIPPED)
    with tempfile.TemporaryDirectory(prefix="lakehouse-acceptance-", ignore_cleanup_errors=True) as folder:
        site = site_of(aws, Path(folder) / "home")
        ask_first(question(site, len(product_statements(contracts, "")), keep=keep), yes, "make acceptance")
        print("Loading the sample files on this machine, for comparison")
        files = make_files(Path(folder), contracts)
        return accept(Trial(site, target), files, reference(files), keep=keep)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Handles SIGTERM like Ctrl-C, so that everything that was created is removed."""
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
