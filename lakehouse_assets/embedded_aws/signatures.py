"""Gap: ministack answers every client that reaches its port, so any user of this machine could run code as the owner
of the home (in a Lambda, a Glue job, or an object that a job reads).

Here a request is answered only if it is signed with the secret of the home (`credentials`), by Signature Version 4, in
the header or in the query (a presigned URL). Key and signature are compared in constant time. The body is compared with
the hash that was signed, and a chunked body with the signature of each chunk.

Not verified, because clients do not sign it: the body under UNSIGNED-PAYLOAD and STREAMING-UNSIGNED-PAYLOAD-TRAILER,
and the body of a presigned S3 URL. The signature of a trailer is not checked: it repeats a checksum of signed chunks.
Refused, as by AWS's newer regions: Signature Version 2, which boto3 presigns with unless `signature_version` is `s3v4`.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from ministack.core import lambda_runtime, sigv4  # type: ignore[import-untyped]
from ministack.core.responses import error_response_json, error_response_xml  # type: ignore[import-untyped]
from ministack.services import lambda_svc, s3, sts  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.credentials import Credentials
from lakehouse_assets.embedded_aws.patching import Response, wrap

ALGORITHM = "AWS4-HMAC-SHA256"
WITHOUT_HASH = (sigv4.UNSIGNED_PAYLOAD, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
IN_SIGNED_CHUNKS = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
WHAT_TO_DO = "`lakehouse env` prints the credentials of this home's embedded AWS."

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


_secrets: dict[str, str] = {}
"""The secrets of the sessions of Lambdas' roles, by access key."""


def fill() -> None:
    """Gives Lambdas credentials that are accepted here. (ministack gives them the account's number as a key.)"""
    wrap(lambda_runtime, "execution_credentials", _of_a_lambda)
    wrap(lambda_svc, "execution_credentials", _of_a_lambda)


def _of_a_lambda(of_its_role: Callable[[dict[str, Any]], dict[str, str]], function: dict[str, Any]) -> dict[str, str]:
    """The credentials of the home. If ministack checks roles (AUTH, set by a test): a session of the function's role,
    with a random secret instead of ministack's, which can be derived from the function's name.
    """
    if not _checks_roles():
        return {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    made = of_its_role(function)
    secret = _secrets.setdefault(made["AWS_ACCESS_KEY_ID"], secrets.token_urlsafe(30))
    sts._sessions[made["AWS_ACCESS_KEY_ID"]]["SecretAccessKey"] = secret
    return made | {"AWS_SECRET_ACCESS_KEY": secret}


def _checks_roles() -> bool:
    from ministack import app  # type: ignore[import-untyped]

    return bool(app.AUTH)


def _secret_of(access_key_id: str, credentials: Credentials) -> str:
    if hmac.compare_digest(access_key_id.encode(), credentials.access_key_id.encode()):
        return credentials.secret_access_key
    if _checks_roles() and (secret := _secrets.get(access_key_id)):
        return secret
    raise Refused(
        "InvalidAccessKeyId", f"The AWS access key Id you provided does not exist in our records. {WHAT_TO_DO}"
    )


class Refused(Exception):
    """A request that is refused, with AWS's error code and message for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def authenticated(scope: Message, receive: Receive, credentials: Credentials) -> Receive:
    """Checks the signature of a request. Returns a function that receives its body again, for the application.

    Raises Refused, for an unknown key before any of the body is read.
    """
    headers, query = _headers(scope), parse_qs(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    presigned = not headers.get("authorization", "")
    signature = _signature(headers, query, presigned)
    secret = _secret_of(signature.access_key_id, credentials)
    _refuse_other_times(signature, query, presigned)

    hashed, read = hashlib.sha256(), []
    stated = headers.get("x-amz-content-sha256", "")
    is_hashed = stated not in (*WITHOUT_HASH, *IN_SIGNED_CHUNKS)
    while (message := await receive())["type"] == "http.request":
        read.append(message.get("body", b""))
        if is_hashed:
            hashed.update(read[-1])
        if not message.get("more_body", False):
            break
    else:
        # The client has disconnected. Passes that message on to ministack.
        return _again(message, receive)
    body = b"".join(read)
    digest = hashed.hexdigest()
    raw_path = scope["raw_path"].decode("ascii")
    signed = headers if stated else headers | {"x-amz-content-sha256": digest}
    if failure := sigv4.header_signature_failure(
        signature, secret, scope["method"], raw_path, query, signed, body, presigned=presigned
    ):
        raise Refused(failure[0], f"{failure[1]} {WHAT_TO_DO}")
    if is_hashed and stated and not hmac.compare_digest(stated.encode(), digest.encode()):
        raise Refused(
            "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    return _again({"type": "http.request", "body": body, "more_body": False}, receive)


def answer(refused: Refused, scope: Message) -> Response:
    """The response, in the form of the service that was called: XML for S3 and for the services of the query protocol,
    JSON for all others.
    """
    headers = _headers(scope)
    authorization, is_form = (
        headers.get("authorization", ""),
        headers.get("content-type", "").startswith("application/x-www-form-urlencoded"),
    )
    if "/s3/aws4_request" in authorization or not (authorization or is_form or "x-amz-target" in headers):
        found = s3._error(refused.code, str(refused), 403, scope["path"])
    elif is_form:
        found = error_response_xml(refused.code, str(refused), 403)
    else:
        found = error_response_json(refused.code, str(refused), 403)
    response: Response = found
    return response


def _headers(scope: Message) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), sigv4.decode_header_value(value)
        # Several headers of one name are signed as one, with their values joined by a comma.
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def _signature(headers: Mapping[str, str], query: Mapping[str, list[str]], presigned: bool) -> sigv4.HeaderSignature:
    if presigned and "X-Amz-Signature" not in query:
        if "Signature" in query:
            raise _unsupported()
        raise Refused("AccessDenied", f"The embedded AWS answers only signed requests. {WHAT_TO_DO}")
    if not presigned and not headers["authorization"].startswith(f"{ALGORITHM} "):
        raise _unsupported()
    if presigned and query.get("X-Amz-Algorithm") != [ALGORITHM]:
        raise _unsupported()
    found = sigv4.parse_query_signature(query) if presigned else sigv4.parse_header_signature(headers)
    if isinstance(found, tuple):
        raise Refused(*found)
    if not found.signature.isascii():
        raise Refused("SignatureDoesNotMatch", sigv4.SIGNATURE_MISMATCH)
    return found


def _unsupported() -> Refused:
    return Refused(
        "InvalidRequest", f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
    )


def _refuse_other_times(signature: sigv4.HeaderSignature, query: Mapping[str, list[str]], presigned: bool) -> None:
    if not presigned:
        if failure := sigv4.request_time_failure(signature):
            raise Refused(*failure)
        return
    try:
        expired = sigv4.presigned_request_is_expired(signature.amz_date, query["X-Amz-Expires"][0])
    except (KeyError, ValueError):
        raise Refused(
            "AuthorizationQueryParametersError", "X-Amz-Date must be a time and X-Amz-Expires a number of seconds."
        ) from None
    if expired:
        raise Refused("AccessDenied", "Request has expired")


def _again(message: Message, receive: Receive) -> Receive:
    """Receives the message that was read before, and then whatever else arrives."""
    waiting = [message]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
