"""Static files of the pages: our own, the base map, and MapLibre GL JS as published. Nothing is loaded from
other hosts. Addresses contain a hash of the content: browsers keep the files, and an update of the agent
changes the addresses."""

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
MAPLIBRE, PMTILES = STATIC.with_name("maplibre"), STATIC.with_name("pmtiles")
"""The files of an npm package that browsers need, unchanged; version and digests are in the same folder."""
_KEPT = "public, max-age=31536000, immutable"
_KINDS = {
    "js": "text/javascript",
    "mjs": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
    "json": "application/json",
    "geojson": "application/geo+json",
}


def attach(app: FastAPI) -> None:
    """Serve the files; they are compressed now rather than at the first request."""
    address()
    app.include_router(router)


@cache
def address() -> str:
    """Return their address, without a slash at the end."""
    digest = hashlib.sha256()
    for name, packed in sorted(_packed().items()):
        digest.update(name.encode() + packed)
    return f"/static/{digest.hexdigest()[:16]}"


@router.get("/static/{version}/{name:path}")
def file(version: str, name: str) -> Response:
    """Return a file, compressed; a page from before an update gets the present one, uncached."""
    packed = _packed().get(name)
    if packed is None:
        raise HTTPException(404, _("this file does not exist"))
    keep = _KEPT if address().endswith(f"/{version}") else "no-store"
    headers = {"content-encoding": "gzip", "cache-control": keep}
    return Response(packed, media_type=_KINDS[name.rpartition(".")[2]], headers=headers)


@cache
def _packed() -> dict[str, bytes]:
    """Return all files by name."""
    plain = {path.name: path for path in STATIC.iterdir()}
    plain |= {f"maplibre/{path.name}": path for path in MAPLIBRE.glob("maplibre-gl*")}
    plain |= {f"pmtiles/{path.name}": path for path in PMTILES.glob("*.js")}
    packed = {name: gzip.compress(path.read_bytes(), mtime=0) for name, path in plain.items()}
    return packed | {
        "map/countries.geojson": geography.COUNTRIES.read_bytes(),
        "map/near.geojson": geography.NEAR.read_bytes(),
        "map/overview.geojson": geography.OVERVIEW.read_bytes(),
        "map/names.json": geography.labels(),
    }
