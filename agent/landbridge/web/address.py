"""Where the pages are found."""

from landbridge.config import Web

SHARE = "/s/"


def base_url(web: Web) -> str:
    """Without a slash at its end."""
    host = f"[{web.host}]" if ":" in web.host else web.host
    return web.url.rstrip("/") or f"http://{host}:{web.port}"


def share_url(web: Web, secret: str) -> str:
    """The link that `secret` opens."""
    return f"{base_url(web)}{SHARE}{secret}"
