"""Addresses within the pages."""

from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import URL


def own_address(request: Request) -> str:
    """Return path and query of the request; never another host's."""
    # An address with two leading slashes would name one.
    path = "/" + quote(request.scope["path"].lstrip("/\\"))
    query = request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def with_query(address: str, **query: str) -> str:
    """Return path and query with these parts of the query replaced."""
    path, _, asked = address.partition("?")
    return f"{path}?{URL('?' + asked).include_query_params(**query).query}"
