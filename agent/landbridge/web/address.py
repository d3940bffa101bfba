"""Addresses within the pages."""

from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import URL


def own_address(request: Request) -> str:
    """Path and query of what is asked for; never another host's."""
    # One that begins with two slashes would be.
    path = "/" + quote(request.scope["path"].lstrip("/\\"))
    query = request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def with_query(address: str, **query: str) -> str:
    """Path and query with these parts of the query instead."""
    path, _, asked = address.partition("?")
    return f"{path}?{URL('?' + asked).include_query_params(**query).query}"
