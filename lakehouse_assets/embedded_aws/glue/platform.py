"""What Glue puts around a job's script: its Python modules, Spark with Delta Lake and S3, an environment of its own.

Glue reads special arguments of a job. Those that decide whether a script runs at all are carried out here, and fail as
on Glue; of all others the run's log says that they have no effect here.
"""

import importlib.metadata
import io
import os
import shlex
import sys
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
"""What Glue reads and this does not, by how it begins."""
OF_THIS_MACHINE = ("LAKEHOUSE_", "DAGSTER_", "SPARK_", "PYSPARK_", "JAVA_", "JDK_JAVA_", "PYTHONPATH")
"""What no job on AWS would find in its environment, and could change what it does here."""

ReadObject = Callable[[str], bytes | None]
"""The bytes at an s3:// location, or None."""


def prepare(arguments: Mapping[str, str], read: ReadObject, folder: Path, say: Callable[[str], None]) -> dict[str, str]:
    """Puts modules and Spark's configuration into the run's folder. Returns the script's environment. Raises
    LaunchError where something is not there.
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
            f"Installation of Additional Python Modules failed: {location} is no wheel; the embedded Glue takes wheels"
            " and name==version"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(_object(location, read))) as wheel:
            wheel.extractall(modules)
    except zipfile.BadZipFile as error:
        raise LaunchError(
            f"Installation of Additional Python Modules failed: {location} is no wheel: {error}"
        ) from error


def _check_installed(module: str) -> None:
    """This Python's packages stand for the index that pip asks on Glue."""
    name, _, version = module.partition("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found is None or (version and found != version):
        raise LaunchError(
            f"Installation of Additional Python Modules failed: {module} is not on this machine"
            f" ({f'only {found} is' if found else 'no version is'})"
        )


def _fetched(location: str, read: ReadObject, folder: Path) -> Path:
    """What goes on the Python path for one of --extra-py-files: an archive itself, or the folder of a module."""
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
        raise LaunchError(f"--datalake-formats: the embedded Glue has delta, and not {', '.join(missing)}")


def _spark(conf: str, extra: Sequence[Path], folder: Path) -> dict[str, str]:
    """Spark as Glue has it: the jars of Delta Lake and S3A on its path, and those of the job; `s3://` as S3A, and what
    the job's --conf says.
    """
    # Here, as only a machine that has the spark extra can run these jobs.
    from lakehouse_assets.etl.engines.spark.session import EVERYWHERE, on_one_machine
    from lakehouse_assets.local.spark.class_data import with_class_data
    from lakehouse_assets.local.spark.jars import installed_jars
    from lakehouse_assets.local.spark.java import java_home

    try:
        platform, java = installed_jars(), java_home()
    except BadConfiguration as error:
        raise LaunchError(f"BadConfiguration: {error}") from error
    # Not what the engine sets for itself wherever it runs: on Glue too it has to.
    configuration = with_class_data(on_one_machine(platform, extra, folder / "scratch"))
    of_this_machine = {name: value for name, value in configuration.items() if name not in EVERYWHERE}
    # A fifth quicker for the small batches of a laptop, whose runs are mostly start-up.
    of_this_machine["spark.driver.extraJavaOptions"] += " -XX:TieredStopAtLevel=1"
    asked_for = dict(setting.strip().partition("=")[::2] for setting in conf.split("--conf ") if setting.strip())
    # No folder of Spark's configuration: it would stand on the class path, where class data allows jars only.
    properties = folder / "spark.properties"
    properties.write_text(
        "".join(f"{name} {value}\n" for name, value in (of_this_machine | _s3a() | asked_for).items())
    )
    return {
        "PYSPARK_SUBMIT_ARGS": shlex.join(["--properties-file", str(properties), "pyspark-shell"]),
        "JAVA_HOME": str(java),
        "PYSPARK_PYTHON": sys.executable,
    }


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
