"""The code server of a server: `python -m lakehouse_assets.server.code_server ARGUMENTS…` is `dagster api grpc
ARGUMENTS…` for this project's definitions. Sensors are evaluated and runs are started here.

It differs in four ways. It refuses invalid settings before it starts. With the embedded AWS it keeps that running as
long as it runs itself, and ends with it. It forks its runs, as the one of `lakehouse up` (`local/code_server.py`). And
it keeps looking after its runs if the database was away for a moment.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

DEFINITIONS = "lakehouse_assets.definitions"
DATABASE, SCHEME = "DAGSTER_POSTGRES_URL", "postgresql+psycopg2://"


def main() -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit code."""
    # Imported late: the process of each run imports this module first.
    from lakehouse_assets.cli.exit_codes import ExitCode  # noqa: PLC0415
    from lakehouse_assets.cli.home import read_home  # noqa: PLC0415
    from lakehouse_assets.cli.terminal.errors import print_error  # noqa: PLC0415
    from lakehouse_assets.connect import connected  # noqa: PLC0415
    from lakehouse_assets.contracts import read_contracts  # noqa: PLC0415
    from lakehouse_assets.embedded_aws.process import on_death  # noqa: PLC0415
    from lakehouse_assets.errors import BadConfiguration, LakehouseError  # noqa: PLC0415

    def end(reason: str) -> None:
        print_error(reason)
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        settings = read_home()
        read_contracts(settings.contracts)
        if faults := _faults(settings.home):
            raise BadConfiguration("This code server cannot start:\n" + "\n".join(f"  - {fault}" for fault in faults))
        with on_death(end), connected(settings):
            _serve()
    except LakehouseError as error:
        print_error(str(error))
        return ExitCode.WRONG_USAGE if isinstance(error, BadConfiguration) else ExitCode.FAILED
    return ExitCode.SUCCEEDED


def _faults(home: Path) -> list[str]:
    """What is wrong with Dagster's part of the environment. Every command of the home uses <home>/dagster, so the
    processes of the server have to use it, too."""
    from lakehouse_assets.cli.packages import install_command  # noqa: PLC0415 - see above

    folder, given = home / "dagster", os.environ.get("DAGSTER_HOME", "")
    faults = []
    if not given or Path(given).resolve() != folder.resolve():
        faults.append(f"DAGSTER_HOME is {given!r}. Set it to {folder}, which the commands of this home use.")
    if not (folder / "dagster.yaml").exists():
        faults.append(
            f"{folder}/dagster.yaml is missing. Link it: ln -s {Path(__file__).with_name('dagster.yaml')} {folder}/"
        )
    if not os.environ.get(DATABASE, "").startswith(SCHEME):  # its value may have a password
        faults.append(
            f"{DATABASE} does not begin with {SCHEME}. Set it to the database: {SCHEME}USER:PASSWORD@HOST:PORT/DATABASE"
        )
    if find_spec("dagster_postgres") is None:
        faults.append(f"dagster-postgres is not installed. Install it: {install_command('server')}")
    return faults


def _serve() -> None:
    from dagster._cli.api import grpc_command  # noqa: PLC0415
    from dagster._grpc.server import DagsterApiServer  # noqa: PLC0415

    from lakehouse_assets.local.code_server import fork_runs  # noqa: PLC0415

    look = DagsterApiServer._check_for_orphaned_runs

    def look_again(server: DagsterApiServer) -> None:
        # Dagster's thread that notices dead runs would end for good at the first error. The database may be away.
        try:
            look(server)
        except Exception:
            logging.getLogger("dagster.code_server").exception("Looking after runs failed, and is tried again.")

    DagsterApiServer._check_for_orphaned_runs = look_again  # type: ignore[method-assign, assignment]
    fork_runs()
    grpc_command(["--module-name", DEFINITIONS, *sys.argv[1:]], standalone_mode=False)


if __name__ == "__main__":
    sys.exit(main())
