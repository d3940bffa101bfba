"""Query parameters of the API: one that its route does not declare is refused, or a misspelt filter would
return everything."""

from collections.abc import Sequence
from difflib import get_close_matches

from fastapi import HTTPException, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query

from landbridge.core.texts import _
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
            raise HTTPException(400, _unknown(shown, path, known))


def _unknown(name: str, path: str, known: Sequence[str]) -> str:
    """Return what is wrong, and what to write instead."""
    if not known:
        return _("{name}: {path} has no parameters", name=name, path=path)
    if close := get_close_matches(name.lower(), known, 1):
        return _("{name}: {path} has no such parameter; write {close}", name=name, path=path, close=close[0])
    return _(
        "{name}: {path} has no such parameter, only {known}", name=name, path=path, known=", ".join(known)
    )
