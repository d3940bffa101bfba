"""Files of the pages: ours, the base map's, MapLibre GL JS out of its wheel. Nothing is from elsewhere.

Their addresses name what is in them: browsers keep them for good, and an update of the agent has others.
"""

import gzip
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import Response

from landbridge.errors import UserError
from landbridge.web import geography

router = APIRouter(include_in_schema=False)
STATIC = Path(__file__).parent / "static"
_KEPT = "public, max-age=31536000, immutable"
_KINDS = {
    "js": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
    "json": "application/json",
    "geojson": "application/geo+json",
}


def attach(app: FastAPI) -> None:
    """Serve them; they are packed now, not when the first visitor waits."""
    address()
    app.include_router(router)


@cache
def address() -> str:
    """Where they are, without a slash at the end."""
    digest = hashlib.sha256()
    for name, packed in sorted(_packed().items()):
        digest.update(name.encode() + packed)
    return f"/static/{digest.hexdigest()[:16]}"


@router.get("/static/{version}/{name:path}")
def file(version: str, name: str) -> Response:
    """One of them, compressed; a page from before an update gets that of now, once."""
    packed = _packed().get(name)
    if packed is None:
        raise HTTPException(404, "there is no such file")
    keep = _KEPT if address().endswith(f"/{version}") else "no-store"
    headers = {"content-encoding": "gzip", "cache-control": keep}
    return Response(packed, media_type=_KINDS[name.rpartition(".")[2]], headers=headers)


@cache
def _packed() -> dict[str, bytes]:
    """All by name."""
    plain = {path.name: path for path in STATIC.iterdir()}
    plain |= {f"maplibre/{path.name}": path for path in _maplibre().glob("maplibre-gl.*")}
    packed = {name: gzip.compress(path.read_bytes(), mtime=0) for name, path in plain.items()}
    return packed | {
        "map/countries.geojson": geography.COUNTRIES.read_bytes(),
        "map/overview.geojson": geography.OVERVIEW.read_bytes(),
        "map/names.json": geography.labels(),
    }


def _maplibre() -> Path:
    """The folder with maplibre-gl.js; found without importing the package, which would load much."""
    found = importlib.util.find_spec("maplibre")
    if found is None or not found.submodule_search_locations:
        raise UserError("the package maplibre is missing: pip install maplibre")
    return Path(found.submodule_search_locations[0]) / "srcjs"
