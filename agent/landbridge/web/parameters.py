"""Query parameters of the API: one that its route does not declare is refused, or a misspelt filter would
return everything."""

from collections.abc import Sequence
from difflib import get_close_matches

from fastapi import HTTPException, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query

from landbridge.web.problems import is_api


async def check(request: Request) -> None:
    """Refuse an unknown query parameter of the API with 400."""
    if not is_api(request.scope):
        return
    declared = get_flat_params(request.scope["route"].dependant)
    known = [each.alias for each in declared if isinstance(each.field_info, Query)]
    for name in request.query_params:
        if name not in known:
            shown, path = (ascii(text)[1:-1][:64] for text in (name, request.url.path))
            raise HTTPException(400, f"{shown}: {path} has no such parameter{_remedy(name, known)}")


def _remedy(name: str, known: Sequence[str]) -> str:
    """Return what to write instead."""
    if close := get_close_matches(name.lower(), known, 1):
        return f"; did you mean {close[0]}?"
    return f", only {', '.join(known)}" if known else ", nor any other"
