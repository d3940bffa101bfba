"""Renders templates: language, texts, and the headers of a page."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from landbridge.core import texts
from landbridge.core.clock import iso
from landbridge.web import assets, device_views, language, tiles
from landbridge.web.address import own_address, with_query
from landbridge.web.forms import NOTHING_WRONG, Wrong
from landbridge.web.services import services

_templates = Environment(
    loader=FileSystemLoader(sorted(Path(__file__).parents[1].glob("**/templates"))),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_YEAR_S = 365 * 86400


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return the page that `template` makes of `values`."""
    catalogue, known = language.language_of(request), texts.catalogues()
    wrong: Wrong = getattr(request.state, "wrong", NOTHING_WRONG)
    # There is no page at the address that a form was sent to.
    address = own_address(request) if request.method == "GET" else wrong.path
    common = {
        **language.speakers(catalogue),
        "begins_with_word": catalogue.begins_with_word,
        "whereabouts": partial(device_views.in_words, catalogue),
        "as_json": as_json,
        "language": catalogue,
        "languages": known.values(),
        "texts": language.table(catalogue),
        "static": assets.address(),
        "now": iso(services(request).clock.now_s()),
        "path": address.partition("?")[0],
        "address": address,
        "in_language": {code: with_query(address, **{language.COOKIE: code}) for code in known if address},
        "who": None,
        "wrong": wrong,
        "data": None,
        "tiles": tiles.of(services(request).config.web),
    }
    text = _templates.get_template(template).render(common | values)
    answer = HTMLResponse(text, wrong.code if wrong.form else status)
    if request.query_params.get(language.COOKIE) == catalogue.language:
        answer.set_cookie(language.COOKIE, catalogue.language, max_age=_YEAR_S, samesite="strict")
    return answer


def as_json(value: Any) -> Markup:
    """Return JSON for a data block, with characters escaped that could end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
