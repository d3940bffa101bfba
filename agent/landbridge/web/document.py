"""The OpenAPI document: the routes as FastAPI describes them, with problem details for every error,
idempotency keys for every POST, and an example of every body and answer (examples.py)."""

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from landbridge.web import once, problems
from landbridge.web.answers import Problem
from landbridge.web.examples import example

Json = dict[str, Any]
_DESCRIPTION = (
    "Lists accept `cursor` and `limit` and return `next`, null on the last page. Errors are problem details"
    f" (RFC 9457). A POST with the header `{once.HEADER}` is executed once: repeated within a day, it returns"
    " the first response."
)
_SCHEMA = "#/components/schemas/{model}"
_PROBLEM = {"$ref": _SCHEMA.format(model="Problem")}
_KEY = {
    "name": once.HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": once.LONGEST, "pattern": "^[!-~]+$"},
    "description": "Key of the request, such as a UUID: repeated with its key, it is not executed again.",
}
_CONFLICT = "A request with this idempotency key is still being executed."
_INVALID = "A field is invalid, or the idempotency key belongs to another request."


def described(app: FastAPI) -> Json:
    """Return the document of the application, made once."""
    if not app.openapi_schema:
        made = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
        schemas = made["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        whole = Problem.model_json_schema(ref_template=_SCHEMA)
        schemas |= whole.pop("$defs") | {"Problem": whole}
        for method, operation in _operations(made):
            _complete(method, operation, schemas)
        for path, operations in made["paths"].items():
            if "post" in operations:
                _link(path, operations["post"], made)
        app.openapi_schema = made
    return app.openapi_schema


def _operations(document: Json) -> Iterator[tuple[str, Json]]:
    for operations in document["paths"].values():
        yield from operations.items()


def _complete(method: str, operation: Json, schemas: Json) -> None:
    operation["summary"] = summary(operation["description"])
    answers = operation["responses"]
    answers.setdefault("422", {"description": _INVALID})
    answers["422"]["description"] = _INVALID
    if method == "post":
        operation.setdefault("parameters", []).append(_KEY)
        answers.setdefault("409", {"description": _CONFLICT})
    for code, answer in answers.items():
        if int(code) >= 400:
            answer["content"] = {
                problems.MEDIA_TYPE: {"schema": _PROBLEM, "example": _problem(int(code), answer)}
            }
        else:
            _give_examples(answer, schemas)
    _give_examples(operation.get("requestBody", {}), schemas)


def _link(path: str, post: Json, document: Json) -> None:
    """Say with which operations what a POST has made goes on: its answer has what their paths want."""
    answer = post["responses"].get("201") or {}
    contents: list[Json] = [*answer.get("content", {}).values()]
    schema: Json = contents[0].get("schema", {}) if contents else {}
    made = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
    given = {name: f"$request.path.{name}" for name in _names(path)}
    for other, operations in document["paths"].items():
        wanted = _names(other[len(path) :]) if other.startswith(f"{path}/{{") else []
        if len(wanted) != 1 or wanted[0] not in made.get("properties", {}):
            continue
        parameters = given | {wanted[0]: f"$response.body#/{wanted[0]}"}
        for operation in operations.values():
            links = answer.setdefault("links", {})
            links[operation["operationId"]] = {
                "operationId": operation["operationId"], "parameters": parameters,
            }  # fmt: skip


def summary(text: str) -> str:
    """Return the first clause of the first paragraph of a description: at least three words."""
    first = " ".join(text.partition("\n\n")[0].split())
    found = re.match(r"(?:\S+ ){2}.*?(?=[.;:] |\.$|$)", first)
    return found[0] if found else first


def _names(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def _problem(code: int, answer: Json) -> Json:
    shown: Json = {"type": "about:blank", "title": problems.title(code), "status": code}
    return shown | {"detail": answer["description"]}


def _give_examples(part: Json, schemas: Json) -> None:
    for kind, content in part.get("content", {}).items():
        if "json" in kind:
            content["example"] = example(content["schema"], schemas)
