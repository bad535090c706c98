import io
import json
import zipfile
from uuid import uuid4

import boto3
import pytest

from lakehouse_assets.embedded_aws.process import EmbeddedAws

CODE = """
class OutOfStock(Exception): pass
def handler(event, context):
    if event['how'] == 'chained':
        try: raise KeyError('a')
        except KeyError as error: raise OutOfStock('no\\nmore') from error
    if event['how'] == 'builtin': raise ValueError(event['how'])
    return event['how']
"""


@pytest.fixture
def function(aws: EmbeddedAws) -> str:
    del aws
    return made(CODE)


def made(code_text: str) -> str:
    """Creates a Lambda that runs `handler` of this code. Returns its name."""
    name, code = f"function-{uuid4().hex}", io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("code.py", code_text)
    boto3.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="code.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": code.getvalue()},
        # The default of three seconds is too short to import boto3 on a busy machine.
        Timeout=120,
    )
    return name


@pytest.mark.parametrize(
    ("how", "kind", "message"), [("chained", "OutOfStock", "no\nmore"), ("builtin", "ValueError", "builtin")]
)
def test_a_functions_error_has_its_class_and_its_message(function: str, how: str, kind: str, message: str) -> None:
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"how": how}))
    error = json.loads(answer["Payload"].read())
    assert (answer["FunctionError"], error["errorType"], error["errorMessage"]) == ("Unhandled", kind, message)
