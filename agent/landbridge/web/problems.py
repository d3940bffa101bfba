"""Errors of the API as problem details (RFC 9457): a sentence that names what is wrong and the remedy."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.routing import compile_path
from starlette.types import Scope

from landbridge.core.texts import _
from landbridge.web.api import ONE_LINE

MEDIA_TYPE = "application/problem+json"
DOCUMENT = "/v1/openapi.json"
RETRY_S = 10
NO_DATABASE = "the database does not answer; try again in a moment"
NOT_JSON = "this body is not marked as JSON; send it with the header Content-Type: application/json"
NO_OBJECT = "must be a JSON object"
NO_BODY = "this body cannot be read; send JSON in UTF-8, not compressed and not deeply nested"
PLUS = "; in an address, + is a blank: write %2B"
NOT_ONE_LINE = _("must be one line without control characters, and without blanks at its ends")
_AT = {"query": "parameter", "path": "parameter", "header": "header", "cookie": "cookie"}


def is_api(scope: Scope) -> bool:
    """Whether a program or the script of a page asks, not a browser for a page."""
    path: str = scope["path"]
    posts_json = scope["method"] == "POST" and Headers(scope=scope).get("content-type") == "application/json"
    return path.startswith(("/v1/", "/dcsa/v1/")) or posts_json


def problem(
    code: int, detail: str, headers: Mapping[str, str] | None = None, errors: Sequence[Any] = ()
) -> Response:
    """Return the answer; `errors` names each wrong field of a request."""
    content = {"type": "about:blank", "title": title(code), "status": code, "detail": detail}
    text = json.dumps(content | ({"errors": list(errors)} if errors else {}))
    return Response(text, code, headers, MEDIA_TYPE)


def title(code: int) -> str:
    """Return what HTTP calls the code."""
    return HTTPStatus(code).phrase


def standard(request: Request, code: int, detail: str) -> str:
    """Return `detail`, or in place of the server's own words what is wrong with path or method."""
    path = ascii(request.url.path)[1:-1]
    match code, detail:
        case 404, "Not Found":
            return f"no path {path}; {DOCUMENT} describes those there are"
        case 405, _:
            return f"{path} takes no {request.method}, but {', '.join(_methods(request))}"
        case 400, "There was an error parsing the body":
            return NO_BODY
    return detail


def _methods(request: Request) -> list[str]:
    """Return the methods of the path; the server's own header has those of one of its routes only."""
    paths = request.app.openapi()["paths"].items()
    of_path = (each for template, each in paths if compile_path(template)[0].match(request.url.path))
    return sorted({method.upper() for each in of_path for method in each})


def not_valid(found: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, str]]]:
    """Return what is wrong with a request, in a sentence and field by field. Without the given values: a NaN
    or half a surrogate pair cannot be written in JSON."""
    errors = [_error(each) for each in found]
    first, *others = errors
    where = first.get("pointer") or next(value for name, value in first.items() if name != "detail")
    more = f" (and {len(others)} more, in errors)" if others else ""
    return f"{where}: {first['detail']}{more}; {DOCUMENT} describes the request", errors


def _error(found: Mapping[str, Any]) -> dict[str, str]:
    place, *parts = (ascii(part)[1:-1] if isinstance(part, str) else str(part) for part in found["loc"])
    if found["type"] == "json_invalid":
        return {"pointer": "#", "detail": f"no JSON, from character {'/'.join(parts)} on"}
    if isinstance(found.get("input"), bytes):  # FastAPI parses what is marked as JSON only
        return {"pointer": "#", "detail": NOT_JSON}
    message = _message(found)
    if place == "body":
        return {"pointer": "#" + "".join(f"/{part}" for part in parts), "detail": message}
    return {_AT[place]: "/".join(parts), "detail": message}


def _message(found: Mapping[str, Any]) -> str:
    given, pattern = found.get("input"), found.get("ctx", {}).get("pattern")
    if pattern == ONE_LINE:
        return NOT_ONE_LINE
    if found["type"] in ("model_attributes_type", "model_type", "dict_type"):
        return NO_OBJECT
    message = ascii(found["msg"])[1:-1]
    is_zone = found["type"].startswith("datetime") and isinstance(given, str) and " " in given
    return message + PLUS if is_zone and found["loc"][0] == "query" else message
