"""What Glue provides for a job's script: Python modules, Spark with Delta Lake and S3, and a clean environment.

Glue reads special arguments of a job. The ones that decide whether a script can run are carried out here, and fail as
on Glue. The run's log lists all others as without effect.
"""

import importlib.metadata
import io
import os
import shlex
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lakehouse_assets.embedded_aws.glue.job_process import LaunchError
from lakehouse_assets.errors import BadConfiguration

# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
WITHOUT_EFFECT = (
    *(
        "--enable-",
        "--continuous-log-",
        "--job-bookmark-",
        "--write-shuffle-",
        "--customer-",
        "--executor-",
        "--spark-event-",
        "--user-jars-",
    ),
    *("--class", "--extra-files", "--job-language", "--python-modules-installer-option", "--TempDir"),
)
"""Prefixes of arguments that Glue reads and that have no effect here."""
OF_THIS_MACHINE = ("LAKEHOUSE_", "DAGSTER_", "SPARK_", "PYSPARK_", "JAVA_", "JDK_JAVA_", "PYTHONPATH")
"""Prefixes of environment variables that a job on AWS would not have, and that could change what it does here."""

ReadObject = Callable[[str], bytes | None]
"""Returns the bytes at an s3:// location; None if there is no object."""


def prepare(arguments: Mapping[str, str], read: ReadObject, folder: Path, say: Callable[[str], None]) -> dict[str, str]:
    """Puts modules and Spark's configuration into the run's folder. Returns the script's environment.

    `arguments`: the job's, with their `--`. `read` gets an object's bytes, `say` writes a line to the run's log. Raises
    LaunchError if something is missing.
    """
    ignored = sorted(name for name in arguments if name.startswith(WITHOUT_EFFECT))
    if ignored:
        say(f"without effect here: {' '.join(ignored)}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OF_THIS_MACHINE)}
    environment["PYTHONPATH"] = os.pathsep.join(_python_path(arguments, read, folder))
    jars = [_fetched(location, read, folder) for location in _listed(arguments.get("--extra-jars"))]
    if formats := arguments.get("--datalake-formats"):
        _check_formats(formats)
        environment |= _spark(arguments.get("--conf", ""), jars, folder)
    return environment


def _python_path(arguments: Mapping[str, str], read: ReadObject, folder: Path) -> list[str]:
    modules = folder / "modules"
    modules.mkdir()
    for module in _listed(arguments.get("--additional-python-modules")):
        if module.startswith("s3://"):
            _unpack(module, read, modules)
        else:
            _check_installed(module)
    return [
        *(str(_fetched(location, read, folder)) for location in _listed(arguments.get("--extra-py-files"))),
        str(modules),
    ]


def _unpack(location: str, read: ReadObject, modules: Path) -> None:
    if not location.endswith(".whl"):
        raise LaunchError(
            f"Installation of Additional Python Modules failed: {location} is not a wheel; the embedded Glue"
            " accepts wheels and name==version"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(_object(location, read))) as wheel:
            wheel.extractall(modules)
    except zipfile.BadZipFile as error:
        raise LaunchError(
            f"Installation of Additional Python Modules failed: {location} is not a wheel: {error}"
        ) from error


def _check_installed(module: str) -> None:
    """Checks that this Python has the package. On Glue pip would install it from an index."""
    name, _, version = module.partition("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found is None or (version and found != version):
        raise LaunchError(
            f"Installation of Additional Python Modules failed: {module} is not installed on this machine"
            f" ({f'version {found} is' if found else 'no version is'})"
        )


def _fetched(location: str, read: ReadObject, folder: Path) -> Path:
    """Downloads an object into the run's folder. Returns the entry for the Python path: the archive itself, or the
    folder of a module.
    """
    target = folder / location.rpartition("/")[2]
    target.write_bytes(_object(location, read))
    return folder if target.suffix == ".py" else target


def _object(location: str, read: ReadObject) -> bytes:
    found = read(location)
    if found is None:
        raise LaunchError(f"File not found: {location}")
    return found


def _check_formats(formats: str) -> None:
    missing = sorted({name.strip() for name in formats.split(",")} - {"delta"})
    if missing:
        raise LaunchError(f"--datalake-formats: the embedded Glue has only delta, not {', '.join(missing)}")


def _spark(conf: str, extra_jars: Sequence[Path], folder: Path) -> dict[str, str]:
    """Configures Spark as Glue does: with the jars of Delta Lake, S3A and the job, `s3://` as S3A, and the settings of
    the job's --conf. Returns environment variables.
    """
    # Imported here, because only a machine with the spark extra can run these jobs.
    from lakehouse_assets.local.spark.platform import platform_environment, platform_settings

    try:
        settings, environment = platform_settings(extra_jars, folder / "scratch"), platform_environment()
    except BadConfiguration as error:
        raise LaunchError(f"BadConfiguration: {error}") from error
    asked_for = dict(setting.strip().partition("=")[::2] for setting in conf.split("--conf ") if setting.strip())
    # Not a folder of Spark's configuration: it would be on the class path, where class data allows jars only.
    properties = folder / "spark.properties"
    properties.write_text("".join(f"{name} {value}\n" for name, value in (settings | _s3a() | asked_for).items()))
    return environment | {"PYSPARK_SUBMIT_ARGS": shlex.join(["--properties-file", str(properties), "pyspark-shell"])}


def _s3a() -> dict[str, str]:
    return {
        "spark.hadoop.fs.s3a.endpoint": os.environ["AWS_ENDPOINT_URL"],
        "spark.hadoop.fs.s3a.endpoint.region": os.environ["AWS_REGION"],
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
        ),
    }


def _listed(locations: str | None) -> list[str]:
    return [part.strip() for part in (locations or "").split(",") if part.strip()]
