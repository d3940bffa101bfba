"""The operator's own map below the tracks: [web] tiles is raster tiles, a vector style or a PMTiles file."""

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse

from landbridge.config import Web
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
TILES_PATH = "/tiles/"
_SUFFIX = ".pmtiles"
_MAGIC = b"PMTiles\x03"
_KEPT = "public, max-age=31536000, immutable"


class Tiles(NamedTuple):
    """The settings of the operator's own map for the scripts of a page."""

    kind: str
    """raster, style or pmtiles."""
    url: str
    credit: str


def of(web: Web) -> Tiles | None:
    """Return the tiles that are set; None if there are none."""
    if not web.tiles:
        return None
    if web.tiles.endswith(_SUFFIX):
        return Tiles("pmtiles", _address(web.tiles) if is_file(web) else web.tiles, web.tiles_credit)
    return Tiles("raster" if "{z}" in web.tiles else "style", web.tiles, web.tiles_credit)


def is_file(web: Web) -> bool:
    """Whether the tiles are in a file that this agent serves."""
    return bool(web.tiles) and "://" not in web.tiles


def origin(web: Web) -> str:
    """Return the host that pages may ask for tiles, as a content security policy names it; "" if none."""
    if not web.tiles or is_file(web):
        return ""
    parts = urlsplit(web.tiles)
    return f"{parts.scheme}://{parts.netloc}"


def attach(app: FastAPI, web: Web) -> None:
    """Serve the file; `UserError` if it cannot be read or is no PMTiles file."""
    if is_file(web):
        _check(web.tiles)
    app.include_router(router)


def _check(path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(
            _("{path}: {why}; set [web] tiles to a file that exists", path=path, why=why)
        ) from None
    if begin != _MAGIC:
        raise UserError(
            _("{path} is not a PMTiles file of version 3; convert it with `pmtiles convert`", path=path)
        )


def _address(path: str) -> str:
    """Return the address of the file; another one for each content."""
    try:
        return f"{TILES_PATH}{os.stat(path).st_mtime_ns:x}{_SUFFIX}"
    except OSError:
        return f"{TILES_PATH}0{_SUFFIX}"


@router.get(TILES_PATH + "{version}" + _SUFFIX)
def file(request: Request, version: str) -> FileResponse:
    """Return the file, or the asked ranges of it."""
    web = services(request).config.web
    if not is_file(web) or not Path(web.tiles).is_file():
        raise HTTPException(404, _("this file does not exist"))
    return FileResponse(web.tiles, media_type="application/vnd.pmtiles", headers={"cache-control": _KEPT})
