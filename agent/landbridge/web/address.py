"""Where the pages are found."""

from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import URL

from landbridge.config import Web

SHARE = "/s/"


def base_url(web: Web) -> str:
    """Without a slash at its end."""
    return web.url.rstrip("/") or local_url(web.host, web.port)


def local_url(host: str, port: int) -> str:
    """Where this machine finds what listens there."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


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


def share_url(web: Web, secret: str) -> str:
    """The link that `secret` opens."""
    return f"{base_url(web)}{SHARE}{secret}"
