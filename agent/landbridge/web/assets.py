"""Files of the pages: ours, the base map's, MapLibre GL JS out of its wheel. Nothing is from elsewhere."""

import gzip
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from landbridge.errors import UserError
from landbridge.web import geography

router = APIRouter(include_in_schema=False)
STATIC = Path(__file__).parent / "static"
_FRESH = {"cache-control": "public, max-age=3600"}
_PACKED = {"content-encoding": "gzip"}
_KINDS = {"js": "text/javascript", "css": "text/css"}


def attach(app: FastAPI) -> None:
    """Serve them."""
    app.include_router(router)
    app.mount("/static", _Ours(directory=STATIC), name="static")


class _Ours(StaticFiles):
    """Files that an update of the agent changes: browsers ask each time whether they have."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["cache-control"] = "no-cache"
        return answer


@router.get("/static/maplibre/maplibre-gl.{kind}")
def maplibre(kind: Literal["js", "css"]) -> Response:
    """The map's library."""
    return Response(_library(kind), media_type=_KINDS[kind], headers=_FRESH | _PACKED)


@router.get("/map/countries.geojson")
def countries() -> Response:
    """Outlines of countries."""
    return FileResponse(geography.COUNTRIES, media_type="application/geo+json", headers=_FRESH | _PACKED)


@router.get("/map/names.json")
def names() -> Response:
    """What the map names."""
    return Response(geography.labels(), media_type="application/json", headers=_FRESH | _PACKED)


@cache
def _library(kind: str) -> bytes:
    return gzip.compress((_maplibre() / f"maplibre-gl.{kind}").read_bytes(), mtime=0)


def _maplibre() -> Path:
    """The folder with maplibre-gl.js; found without importing the package, which would load much."""
    found = importlib.util.find_spec("maplibre")
    if found is None or not found.submodule_search_locations:
        raise UserError("the package maplibre is missing: pip install maplibre")
    return Path(found.submodule_search_locations[0]) / "srcjs"
