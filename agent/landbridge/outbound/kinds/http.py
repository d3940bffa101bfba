"""One HTTP request to a target, and what its answer means."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from landbridge.outbound.kinds.errors import Away, Refused

TIMEOUT_S = 20
_OF_THIS_MESSAGE = (400, 409, 413, 415, 422)
"""Any other failure would be the same for every message: a wrong address, no rights, a server that is
down."""


def post(url: str, body: bytes | None, headers: Mapping[str, str]) -> None:
    """POST `body`; with None, GET. `Away` or `Refused` unless the answer is a 2xx."""
    request = urllib.request.Request(url, body, {"User-Agent": "landbridge"} | dict(headers))
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        told = f"it answers {error.code} {error.reason}"
        raise (Refused if error.code in _OF_THIS_MESSAGE else Away)(told) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Away(f"no answer: {error}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed message goes where the operator said, nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect())
