"""Gap: ministack lets every web page read its answers.

A web page may not use the embedded AWS, whatever it knows; `signatures` asks all others for the secret. A browser says
where a request comes from: in `Origin` (all that is not a plain GET), in `Sec-Fetch-Site`
(https://www.w3.org/TR/fetch-metadata/), and in `Host`, where a name of the page's own leads to this machine (DNS
rebinding). No AWS SDK sends the first two, and all reach 127.0.0.1. What ministack offers about itself, above all
POST /_ministack/reset, is for no one.
"""

from collections.abc import Iterable

OWN_NAMES = (b"127.0.0.1", b"localhost")
OWN_SITES = (b"none", b"same-origin")
ABOUT_ITSELF, HEALTH = "/_ministack/", "/_ministack/health"


def refusal(path: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Why a request is not for the embedded AWS; None where it is. The names of the headers are in lower case."""
    for name, value in headers:
        if name == b"origin" or (name == b"sec-fetch-site" and value.lower() not in OWN_SITES):
            return "The embedded AWS does not answer web pages."
        if name == b"host" and value.lower().partition(b":")[0] not in OWN_NAMES:
            return "The embedded AWS answers to 127.0.0.1 and localhost alone."
    if path.startswith(ABOUT_ITSELF) and path != HEALTH:
        return "The embedded AWS offers nothing of this kind."
    return None
