"""Files of the pages: ours, the base map's, MapLibre GL JS as its makers build it. Nothing is from elsewhere.

Their addresses name what is in them: browsers keep them for good, and an update of the agent has others.
"""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import Response

from landbridge.core.texts import _
from landbridge.geo import places as geography

router = APIRouter(include_in_schema=False)
STATIC = Path(__file__).parent / "static"
MAPLIBRE = STATIC.with_name("maplibre")
"""The files of its npm package that browsers need, unchanged; version and digests are in the same folder."""
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
        raise HTTPException(404, _("this file does not exist"))
    keep = _KEPT if address().endswith(f"/{version}") else "no-store"
    headers = {"content-encoding": "gzip", "cache-control": keep}
    return Response(packed, media_type=_KINDS[name.rpartition(".")[2]], headers=headers)


@cache
def _packed() -> dict[str, bytes]:
    """All by name."""
    plain = {path.name: path for path in STATIC.iterdir()}
    plain |= {f"maplibre/{path.name}": path for path in MAPLIBRE.glob("maplibre-gl.*")}
    packed = {name: gzip.compress(path.read_bytes(), mtime=0) for name, path in plain.items()}
    return packed | {
        "map/countries.geojson": geography.COUNTRIES.read_bytes(),
        "map/overview.geojson": geography.OVERVIEW.read_bytes(),
        "map/names.json": geography.labels(),
    }
