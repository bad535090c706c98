"""Gap: ministack lets every web page read its answers.

Here web pages are refused, even with the secret that `signatures` asks of every other client. Browsers say where a
request comes from: in `Origin` (all requests but plain GETs), in `Sec-Fetch-Site`
(https://www.w3.org/TR/fetch-metadata/), and in `Host`, if the page's own name resolves to this machine (DNS rebinding).
AWS SDKs send neither of the first two, and address 127.0.0.1. ministack's own endpoints, above all
POST /_ministack/reset, are closed to everyone, except for the health check.
"""

from collections.abc import Iterable

OWN_NAMES = (b"127.0.0.1", b"localhost")
OWN_SITES = (b"none", b"same-origin")
ABOUT_ITSELF, HEALTH = "/_ministack/", "/_ministack/health"


def refusal(path: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The reason to refuse a request; None if it may be answered. Header names are in lower case."""
    for name, value in headers:
        if name == b"origin" or (name == b"sec-fetch-site" and value.lower() not in OWN_SITES):
            return "The embedded AWS does not answer web pages."
        if name == b"host" and value.lower().partition(b":")[0] not in OWN_NAMES:
            return "The embedded AWS answers only to the names 127.0.0.1 and localhost."
    if path.startswith(ABOUT_ITSELF) and path != HEALTH:
        return "The embedded AWS does not offer ministack's own endpoints."
    return None
