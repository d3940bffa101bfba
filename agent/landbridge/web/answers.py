"""Shapes of the API's answers and errors, for the OpenAPI document.

The routes return what they have as it is; `Schema[...]` only describes it. A test holds answers against
it."""

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any, Literal, cast

from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import json_or_python_schema

Json = dict[str, Any]
Time = str | None
"""UTC, 2026-01-05T00:00:00Z."""
Next = str | None
"""`cursor` of the next page; null: there is none."""


class Schema:
    """Annotation of a type with any JSON: it is described like `model`."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # pydantic's own name for the model; otherwise it would be repeated each time
        name = f"{self._model.__module__}.{self._model.__qualname__}:{id(self._model)}"
        core = cast(CoreSchema, {**self._model.__pydantic_core_schema__, "ref": name})
        return handler(json_or_python_schema(core, core))


def protocol(name: str) -> JsonSchemaValue:
    """A schema of docs/reference, as a link."""
    text = resources.files("landbridge.web").joinpath(f"schemas/{name}.schema.json").read_text()
    found: JsonSchemaValue = json.loads(text)
    return {key: value for key, value in found.items() if key != "$schema"}


def _track() -> JsonSchemaValue:
    """As on the topic, or empty."""
    found = protocol("track")
    del found["properties"]["features"]["minItems"]
    return found | {"description": "A track as GeoJSON (RFC 7946); `next` is on a page of it."}


def described_as(described: JsonSchemaValue) -> ConfigDict:
    """A model with a schema of docs/reference."""
    return ConfigDict(json_schema_extra=lambda schema: (schema.clear(), schema.update(described))[0])


class Track(BaseModel):
    """A track."""

    model_config = described_as(_track())


class Revision(BaseModel):
    """Revision of the desired settings; null: nothing changed."""

    revision: int | None


class RefusedDevice(BaseModel):
    """A device that an action on several devices left out."""

    device: str
    why: str


class SharedTrip(BaseModel):
    """A new link; its path is not shown again."""

    device: str
    container: str
    link: int
    path: str
    until: Time


class BatchResult(BaseModel):
    """The result of an action on several devices."""

    done: list[str]
    refused: list[RefusedDevice]
    links: list[SharedTrip]


class WrongField(BaseModel):
    """An invalid field of a request: `pointer` into the body, or the name of a parameter or header."""

    detail: str
    pointer: str = ""
    parameter: str = ""
    header: str = ""


class Problem(BaseModel):
    """Why the request was refused, as problem details (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    """What is wrong, and what to do."""
    errors: list[WrongField] = []


def files(kinds: Iterable[str]) -> dict[int | str, Json]:
    """Return the responses of a route that answers with a file of one of these media types."""
    content = {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in kinds}
    return {200: {"description": "The file.", "content": content}}


BEARER = HTTPBearer(auto_error=False, description="A token: `landbridge tokens add`.")
"""For the API document: `auth.py` reads the header itself, and the cookie of a sign-in session."""
_LATER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


REFUSALS: dict[int | str, Json] = {
    400: {"description": "The request is invalid; `detail` names what and the remedy."},
    401: {"description": "The token is missing, unknown, expired or revoked."},
    403: {"description": "It needs another role."},
    404: {"description": "It does not exist or belongs to another tenant."},
    411: {"description": "A body without its length."},
    413: {"description": "More than 64 KB."},
    429: {"description": "Too many requests.", "headers": _LATER},
    503: {"description": "The database does not answer.", "headers": _LATER},
}
"""Responses of every route; problem details (document.py)."""
