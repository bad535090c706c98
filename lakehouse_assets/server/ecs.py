"""The entry point of every container on ECS: `python -m lakehouse_assets.server.ecs COMMAND…`. It prepares the
container as a server's `dagster.yaml` needs it, and then becomes the command.

It reads variables that the task definition sets. LAKEHOUSE_ENVIRONMENT is a JSON object of further variables: the
lakehouse's settings. DAGSTER_POSTGRES_HOST (HOST:PORT) and DAGSTER_POSTGRES_PASSWORD become the database's URL; the
password comes from Secrets Manager, which cannot compose a URL. If LAKEHOUSE_RUN_TASK names a task definition, each run
is a task of its own. Without it, runs are processes of the code server, as on one server.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

SERVER = Path(__file__).parent
HOME = "/srv/lakehouse/ecs"
"""Not the image's volume, whose owner and contents would depend on how Fargate mounts it."""
USER = DATABASE = "dagster"
ENVIRONMENT, RUN_TASK, LOGS = "LAKEHOUSE_ENVIRONMENT", "LAKEHOUSE_RUN_TASK", "DAGSTER_COMPUTE_LOGS"
RUN_CONTAINER = "run"
SECONDS_BETWEEN_UPLOADS = 30
SECONDS_TO_START = 600


def prepare(environment: MutableMapping[str, str], home: Path) -> None:
    """Completes the environment, and writes `dagster.yaml` and `workspace.yaml` into the home. Raises KeyError if the
    task definition lacks a variable.
    """
    environment.update(json.loads(environment[ENVIRONMENT]))
    folder = home / "dagster"
    environment["LAKEHOUSE_HOME"], environment["DAGSTER_HOME"] = str(home), str(folder)
    password = quote(environment["DAGSTER_POSTGRES_PASSWORD"], safe="")
    environment["DAGSTER_POSTGRES_URL"] = (
        f"postgresql+psycopg2://{USER}:{password}@{environment['DAGSTER_POSTGRES_HOST']}/{DATABASE}"
        f"?sslmode={environment.get('DAGSTER_POSTGRES_SSL', 'require')}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "dagster.yaml", yaml.safe_dump(instance(environment), sort_keys=False))
    _write(folder / "workspace.yaml", (SERVER / "workspace.yaml").read_text("utf-8"))


def instance(environment: Mapping[str, str]) -> dict[str, Any]:
    """The instance of a server, with the logs of runs in the bucket, and with runs as tasks if there is a task
    definition for them.
    """
    own: dict[str, Any] = {
        "compute_logs": {
            "module": "dagster_aws.s3.compute_log_manager",
            "class": "S3ComputeLogManager",
            "config": {
                "bucket": {"env": "LAKEHOUSE_BUCKET"},
                "prefix": {"env": LOGS},
                # A task that dies takes its disk with it.
                "upload_interval": SECONDS_BETWEEN_UPLOADS,
                "skip_empty_files": True,
            },
        }
    }
    server = dict(yaml.safe_load((SERVER / "dagster.yaml").read_text("utf-8")))
    if RUN_TASK in environment:
        own["run_launcher"] = {
            "module": "dagster_aws.ecs",
            "class": "EcsRunLauncher",
            "config": {
                # Registered by the deployment: nobody who launches runs may register one.
                "task_definition": {"env": RUN_TASK},
                "container_name": RUN_CONTAINER,
                # Otherwise it would look through the account's secrets for a tag.
                "secrets_tag": None,
            },
        }
        # A task starts in a minute; in three, Dagster's default, not always.
        own["run_monitoring"] = {**server["run_monitoring"], "start_timeout_seconds": SECONDS_TO_START}
    return {**server, **own}


def _write(path: Path, text: str) -> None:
    """Writes atomically: the health check of a container runs beside its command."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, "utf-8")
    part.replace(path)


def main() -> None:
    """Replaces this process by the command. Exits with 1 if there is no such command."""
    prepare(os.environ, Path(os.environ.get("LAKEHOUSE_ECS_HOME", HOME)))
    command = sys.argv[1:]
    if not command or shutil.which(command[0]) is None:
        sys.exit(f"There is no command {command[:1]}: the task definition of this container is wrong.")
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
