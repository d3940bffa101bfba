"""Query parameters of the API: one that its route does not declare is refused, or a misspelt filter would
return everything. So is one that is given twice: all but the last would be ignored."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from fastapi import HTTPException, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query

from landbridge.core.texts import _
from landbridge.web.problems import is_api


async def check(request: Request) -> None:
    """Refuse an unknown or repeated query parameter of the API with 400."""
    if not is_api(request.scope):
        return
    declared = get_flat_params(request.scope["route"].dependant)
    fields = {each.alias: each.field_info for each in declared if isinstance(each.field_info, Query)}
    for name in request.query_params:
        shown, path = (ascii(text)[1:-1][:64] for text in (name, request.url.path))
        if name not in fields:
            raise HTTPException(400, _unknown(shown, path, list(fields)))
        count = len(request.query_params.getlist(name))
        if count > 1 and not _is_list(fields[name].annotation):
            raise HTTPException(
                400, _("{name} is given {count} times; {path} takes one", name=shown, count=count, path=path)
            )


def _is_list(annotation: Any) -> bool:
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


def _unknown(name: str, path: str, known: Sequence[str]) -> str:
    """Return what is wrong, and what to write instead."""
    if not known:
        return _("{name}: {path} has no parameters", name=name, path=path)
    if close := get_close_matches(name.lower(), known, 1):
        return _("{name}: {path} has no such parameter; write {close}", name=name, path=path, close=close[0])
    return _(
        "{name}: {path} has no such parameter, only {known}", name=name, path=path, known=", ".join(known)
    )
