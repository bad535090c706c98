"""The environment of a job's script: the modules that it asks for and no others, Spark with Delta Lake, and none of
this machine's own settings.
"""

import io
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from lakehouse_assets.embedded_aws.glue.job_process import LaunchError
from lakehouse_assets.embedded_aws.glue.platform import prepare
from lakehouse_assets.local.spark.class_data import archive_file, is_whole
from lakehouse_assets_tests.embedded_aws.glue.test_jobs import Job

WHEEL = "s3://bucket/lakehouse_assets-9-py3-none-any.whl"


def archive(**files: str) -> bytes:
    with zipfile.ZipFile(content := io.BytesIO(), "w") as written:
        for name, text in files.items():
            written.writestr(f"{name}.py", text)
    return content.getvalue()


def prepared(
    folder: Path, arguments: Mapping[str, str], objects: Mapping[str, bytes] | None = None
) -> tuple[dict[str, str], list[str]]:
    """The script's environment, and the lines of the log."""
    said: list[str] = []
    return prepare(arguments, (objects or {}).get, folder, said.append), said


def refusal(folder: Path, arguments: Mapping[str, str], objects: Mapping[str, bytes] | None = None) -> str:
    with pytest.raises(LaunchError) as refused:
        prepared(folder, arguments, objects)
    return str(refused.value)


def test_a_job_runs_the_wheel_that_it_names_and_not_what_this_machine_has(
    s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    script = (
        b"import sys, lakehouse_assets as ours, beside, zipped; open(sys.argv[-1], 'w').write(' '.join([ours.SAID,"
        b" beside.SAID, zipped.SAID]))"
    )
    job = Job(bucket, script)
    s3.put_object(Bucket=bucket, Key="code/ours.whl", Body=archive(lakehouse_assets="SAID = 'from the wheel'"))
    s3.put_object(Bucket=bucket, Key="code/beside.py", Body=b"SAID = 'a file'")
    s3.put_object(Bucket=bucket, Key="code/zipped.zip", Body=archive(zipped="SAID = 'an archive'"))
    modules = {"additional-python-modules": f"s3://{bucket}/code/ours.whl,boto3=={version('boto3')}"}
    files = {"extra-py-files": f"s3://{bucket}/code/beside.py, s3://{bucket}/code/zipped.zip"}

    run = job.ended(job.start(**modules, **files, target=str(tmp_path / "said")))

    assert run["JobRunState"] == "SUCCEEDED", run
    assert (tmp_path / "said").read_text() == "from the wheel a file an archive"


@pytest.mark.parametrize(
    ("argument", "value", "why"),
    [
        ("--additional-python-modules", "s3://bucket/gone.whl", "File not found: s3://bucket/gone.whl"),
        ("--extra-py-files", "s3://bucket/gone.py", "File not found: s3://bucket/gone.py"),
        (
            "--additional-python-modules",
            WHEEL,
            "failed: s3://bucket/lakehouse_assets-9-py3-none-any.whl is not a wheel: File is not a zip file",
        ),
        (
            "--additional-python-modules",
            "s3://bucket/all.gluewheels.zip",
            "failed: s3://bucket/all.gluewheels.zip is not a wheel; the embedded Glue accepts",
        ),
        (
            "--additional-python-modules",
            "boto3==0.1",
            f"failed: boto3==0.1 is not installed on this machine (version {version('boto3')} is)",
        ),
        (
            "--additional-python-modules",
            "no-such-module",
            "failed: no-such-module is not installed on this machine (no version is)",
        ),
        ("--extra-jars", "s3://bucket/gone.jar", "File not found: s3://bucket/gone.jar"),
        ("--datalake-formats", "delta,iceberg", "the embedded Glue has only delta, not iceberg"),
    ],
)
def test_a_job_whose_needs_are_not_met_is_refused_with_the_reason(
    tmp_path: Path, argument: str, value: str, why: str
) -> None:
    assert why in refusal(tmp_path, {argument: value}, {WHEEL: b"no archive"})


def test_what_has_no_effect_is_said(tmp_path: Path) -> None:
    _, said = prepared(
        tmp_path, {"--enable-metrics": "true", "--dataset": "orders", "--extra-files": "s3://bucket/a.txt"}
    )

    assert said == ["without effect here: --enable-metrics --extra-files"]


def test_a_job_finds_nothing_of_this_machines_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAKEHOUSE_BUCKET", "DAGSTER_HOME", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS", "JAVA_HOME", "PYTHONPATH"):
        monkeypatch.setenv(name, "/of/this/machine")

    environment, _ = prepared(tmp_path, {})

    assert "/of/this/machine" not in environment.values()
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.spark
def test_spark_is_there_with_delta_lake_and_s3_where_the_job_asks_for_it(bucket: str, tmp_path: Path) -> None:
    """The script configures nothing itself, because it may rely on what Glue provides."""
    script = b"""
import json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
target = sys.argv[sys.argv.index("--target") + 1]
spark.sql("SELECT 7 AS seven").write.format("delta").save(target)
rows = spark.read.format("delta").load(target).count()
mapped = open(f"/proc/{spark._jvm.java.lang.ProcessHandle.current().pid()}/maps").read()
told = [rows, spark.version, spark.conf.get("spark.sql.shuffle.partitions"), spark.conf.get("spark.one"), "spark-classes.jsa" in mapped]
open(sys.argv[sys.argv.index("--told") + 1], "w").write(json.dumps(told))
"""
    job = Job(bucket, script)
    conf = (
        "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension --conf spark.sql.shuffle.partitions=1 --conf"
        " spark.one=a=b"
    )
    catalog = "--conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"
    arguments = {
        "target": f"s3://{bucket}/tables/seven",
        "told": str(tmp_path / "told"),
        "conf": f"{conf} {catalog}",
        "datalake-formats": "delta",
    }

    run = job.ended(job.start(**arguments), seconds=300)

    assert run["JobRunState"] == "SUCCEEDED", run
    from_archive = is_whole(archive_file())
    assert json.loads((tmp_path / "told").read_text()) == [1, version("pyspark"), "1", "a=b", from_archive]


def test_a_machine_without_sparks_jars_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    why = refusal(tmp_path, {"--datalake-formats": "delta"})

    assert why.startswith("BadConfiguration: Spark's jars are not installed")
    assert "make spark" in why
