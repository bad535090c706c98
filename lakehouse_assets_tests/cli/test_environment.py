"""Nothing but our own settings says where an embedded lakehouse reads and writes: every variable and file that boto3,
delta-rs, Spark and Hadoop look at leads into a trap here, which hears nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.session import Session
from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.environment import NOBODYS, OF_DELTA_RS, hide, refuse_division
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws, server_environment
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.spark.session import bucket_options
from lakehouse_assets_tests.cli.conftest import Program
from lakehouse_assets_tests.support import product, products_csv

BUCKET = "ecommerce-lakehouse"
SWITCHES = (
    "use_",
    "skip_",
    "unsigned",
    "s3_express",
    "virtual",
    "allow",
    "disable",
    "csm_enabled",
    "imds",
    "conditional",
    "ignore",
    "fallback",
    "only",
    "randomize",
)
OF_SPARK = (
    "SPARK_CONF_DIR",
    "SPARK_HOME",
    "SPARK_MASTER",
    "SPARK_REMOTE",
    "PYSPARK_SUBMIT_ARGS",
    "PYSPARK_DRIVER_PYTHON",
    "HADOOP_CONF_DIR",
    "HADOOP_HOME",
    "YARN_CONF_DIR",
)
OF_JAVA = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
OF_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_FILE",
    "AWS_SDK_LOAD_CONFIG",
    "BOTO_CONFIG",
)


class Trap:
    """An S3 of someone else, on loopback. It notes what it is asked."""

    def __init__(self) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                asked.append(str(self.rfile.readline(200)))
                self.close_connection = True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def trap() -> Iterator[Trap]:
    laid = Trap()
    threading.Thread(target=laid.server.serve_forever, daemon=True).start()
    yield laid
    laid.server.shutdown()
    laid.server.server_close()


def names_that_lead_elsewhere() -> list[str]:
    """From the libraries' own lists, as far as they have one."""
    of_boto3 = [
        name
        for _, named, *_ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values()
        for name in (named if isinstance(named, list) else [named])
        if name
    ]
    services = [name.replace("-", "_").upper() for name in Session().get_available_services()]
    endpoints = ["AWS_ENDPOINT_URL", *(f"AWS_ENDPOINT_URL_{name}" for name in services), "AWS_ENDPOINT_URL_SFN"]
    of_delta_rs = [name for option in sorted(OF_DELTA_RS) for name in (f"AWS_{option.upper()}", option.upper(), option)]
    return sorted({*of_boto3, *endpoints, *of_delta_rs, *OF_CREDENTIALS, *OF_SPARK, *OF_JAVA})


def laid(trap: Trap, folder: Path) -> dict[str, str]:
    """Every such variable, with a value that leads into the trap."""
    options = {
        "endpoint": trap.url,
        "endpoint.region": "eu-north-1",
        f"bucket.{BUCKET}.endpoint": trap.url,
        "proxy.host": "127.0.0.1",
        "proxy.port": "9",
    }
    home = folder / "someone"
    (home / ".aws").mkdir(parents=True)
    profile = (
        f"region = eu-north-1\nendpoint_url = {trap.url}\naws_access_key_id = x\naws_secret_access_key = x\ns3 =\n "
        " addressing_style = virtual\n"
    )
    (home / ".aws" / "config").write_text(
        f"[default]\n{profile}services = there\n[services there]\ns3 =\n  endpoint_url = {trap.url}\n"
    )
    (home / ".aws" / "credentials").write_text("[default]\naws_access_key_id = x\naws_secret_access_key = x\n")
    (folder / "spark-defaults.conf").write_text(
        "".join(f"spark.hadoop.fs.s3a.{name} {value}\n" for name, value in options.items())
    )
    properties = "".join(
        f"<property><name>fs.s3a.{name}</name><value>{value}</value><final>true</final></property>"
        for name, value in options.items()
    )
    (folder / "core-site.xml").write_text(f"<configuration>{properties}</configuration>")
    java = f"-Daws.endpointUrlS3={trap.url} -Daws.region=eu-north-1 " + " ".join(
        f"-Dspark.hadoop.fs.s3a.{name}={value}" for name, value in options.items()
    )
    values = {
        "HOME": str(home),
        **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), trap.url),
        "NO_PROXY": "",
        "no_proxy": "",
    }
    for name in names_that_lead_elsewhere():
        option = name.lower().removeprefix("aws_")
        if name in OF_JAVA:
            values[name] = java
        elif option.endswith(("_dir", "_home")):
            values[name] = str(folder)
        elif option.endswith("_file") or name == "BOTO_CONFIG":
            values[name] = str(home / ".aws" / ("credentials" if "credential" in option else "config"))
        elif "url" in option or "endpoint" in option or "uri" in option:
            values[name] = trap.url
        elif option.startswith(SWITCHES):
            values[name] = "true"
        else:
            values[name] = "eu-north-1"
    return values | {
        "SERVICES": "sqs",
        "LAMBDA_EXECUTOR": "docker",
        "AUTH": "1",
        "BIND_HOST": "0.0.0.0",
        "LOCALSTACK_HOSTNAME": "127.0.0.1",
    }


@pytest.mark.parametrize("engine", ["embedded", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.long])])
def test_an_embedded_lakehouse_is_where_it_is_whatever_the_environment_says(
    program: Program, trap: Trap, tmp_path: Path, engine: str
) -> None:
    (tmp_path / "p.csv").write_text(products_csv(product(1), product("x")))
    environment = laid(trap, tmp_path)

    loaded = program("load", "--json", "--engine", engine, "p.csv", **environment)

    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    rows = program("query", "SELECT count(*) AS n FROM products", "--format", "json")
    history = program("history", "--json")
    assert json.loads(loaded.stdout)["datasets"]["products"]["inserted"] == 1
    assert json.loads(rows.stdout) == [{"n": 1}], "the tables are there without these variables, too"
    assert [report["status"] for report in json.loads(history.stdout)] == ["succeeded_with_rejects"]
    assert "int" in program("rejects", "--format", "csv").stdout, "the rejected records are, too"
    assert trap.asked == []


def test_what_leads_elsewhere_is_hidden_and_the_server_never_knows_it() -> None:
    ours = {"PATH": "/bin", "LAKEHOUSE_BUCKET": "mine"}
    environment = (
        dict.fromkeys(names_that_lead_elsewhere(), "elsewhere") | ours | {"DAGSTER_HOME": "/d", "SERVICES": "sqs"}
    )

    inherited = server_environment(environment)
    assert {name: value for name, value in inherited.items() if name != "PYTHONPATH"} == ours
    hide(environment)

    proxies = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    assert environment == ours | {"DAGSTER_HOME": "/d", "SERVICES": "sqs"} | NOBODYS | proxies


def test_what_leads_delta_rs_alone_elsewhere_is_refused_in_an_account_all_at_once() -> None:
    taken = {
        "AWS_PROFILE": "mine",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_S3": "http://minio:9000",
        "AWS_ALLOW_HTTP": "true",
    }
    environment = taken | {"BUCKET": "of-another-program", "token": "x"}
    refuse_division(environment)
    assert environment == taken, "what delta-rs alone would take for its own is out of its sight"

    with pytest.raises(BadConfiguration) as refused:
        refuse_division(
            taken
            | {
                "AWS_ENDPOINT": "http://elsewhere",
                "AWS_SKIP_SIGNATURE": "true",
                "aws_endpoint_url": "http://elsewhere",
            }
        )

    assert [line.partition(":")[0].strip(" -") for line in str(refused.value).splitlines()[1:]] == [
        "AWS_ENDPOINT",
        "AWS_SKIP_SIGNATURE",
        "aws_endpoint_url",
    ]
    with pytest.raises(
        BadConfiguration, match="AWS_ENDPOINT_URL_S3: AWS_IGNORE_CONFIGURED_ENDPOINT_URLS makes boto3 ignore it"
    ):
        refuse_division(taken | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})


def test_an_account_whose_environment_would_divide_it_is_refused_before_anything_is_asked(program: Program) -> None:
    refused = program("history", LAKEHOUSE_AWS="account", AWS_ENDPOINT="http://127.0.0.1:9", AWS_REGION="eu-central-1")

    assert refused.returncode == 2
    assert "AWS_ENDPOINT: only delta-rs" in refused.stderr


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({}, None),
        ({"AWS_ENDPOINT_URL": "http://minio:9000"}, "http://minio:9000"),
        ({"AWS_ENDPOINT_URL": "http://aws:1", "AWS_ENDPOINT_URL_S3": "https://minio:9000"}, "https://minio:9000"),
        ({"AWS_CONFIG_FILE": "config"}, "http://of-the-profile:9000"),
        ({"AWS_USE_FIPS_ENDPOINT": "true", "AWS_REGION": "us-east-2"}, "https://s3-fips.us-east-2.amazonaws.com"),
    ],
)
def test_in_an_account_all_parts_find_s3_where_boto3_finds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], endpoint: str | None
) -> None:
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://of-the-profile:9000\n")
    monkeypatch.chdir(tmp_path)
    for name, value in ({"AWS_REGION": "eu-central-1", "AWS_CONFIG_FILE": "none"} | environment).items():
        monkeypatch.setenv(name, value)

    told = Aws().storage_options

    assert {name: told.get(name) for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")} == dict.fromkeys(
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"), endpoint
    )
    assert bucket_options("b", told).get("fs.s3a.bucket.b.endpoint") == endpoint
    assert "fs.s3a.bucket.b.access.key" not in bucket_options("b", told)


def test_the_tables_of_an_account_are_where_its_profile_says(
    lakehouse_aws: EmbeddedAws, lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The endpoint and the credentials stand in a file that delta-rs does not read by itself."""
    told = {
        "region": lakehouse_aws.region,
        "endpoint_url": lakehouse_aws.endpoint,
        "aws_access_key_id": lakehouse_aws.access_key_id,
        "aws_secret_access_key": lakehouse_aws.secret_access_key,
    }
    profile = "\n".join(["[profile mine]", *(f"{name} = {value}" for name, value in told.items())])
    (tmp_path / "config").write_text(profile)
    for name, value in {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "mine"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_REGION", raising=False)
    uri, options = f"s3://{lakehouse.settings.bucket}/of-the-account", Aws().storage_options

    DeltaTable.create(uri, Schema([Field("n", PrimitiveType("integer"))]), storage_options=options)

    assert DeltaTable(uri, storage_options=lakehouse.tables.storage_options).version() == 0
    assert (
        Aws().client("s3").list_objects_v2(Bucket=lakehouse.settings.bucket, Prefix="of-the-account/")["KeyCount"] == 1
    )
