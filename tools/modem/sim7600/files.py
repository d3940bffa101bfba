"""SIM7600: certificates and the settings of TLS (MQTT(S) application note V3.00)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.errors import Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.settings import Rule, indexed, value
from tools.modem.engine.tasks import Work
from tools.modem.link.dial import Tls

if TYPE_CHECKING:
    from tools.modem.unit import Unit

MAX_CERTIFICATE = 10_240

SSL_RULES: dict[str, Rule] = {
    "sslversion": [range(5)],
    "authmode": [range(4)],
    "cacert": [None],
    "clientcert": [None],
    "clientkey": [None],
    "ignorelocaltime": [range(2)],
    "negotiatetime": [range(10, 301)],
    "enablesni": [range(2)],
}
_FILES_OF_MODE = ((), ("cacert",), ("cacert", "clientcert", "clientkey"), ("clientcert", "clientkey"))


def tls(unit: Unit, context: int) -> Tls | None:
    """What context `context` is set to; None when a certificate is missing or the clock does not allow it."""
    mode = int(value(unit, "+CSSLCFG", "authmode", context, "0")[0])
    ignores = value(unit, "+CSSLCFG", "ignorelocaltime", context, "1")[0] == "1"
    if mode in (1, 2) and not ignores and not unit.clock.is_set:
        return None
    files: dict[str, bytes] = {}
    for key in _FILES_OF_MODE[mode]:
        name = value(unit, "+CSSLCFG", key, context, "")[0]
        if name not in unit.nv.files:
            return None
        files[key] = unit.nv.files[name]
    return Tls(files.get("cacert"), files.get("clientcert"), files.get("clientkey"))


def download(unit: Unit, request: Request) -> Work:
    """AT+CCERTDOWN="<name>",<bytes>; one of the same name is replaced."""
    name, count = request.text(0), request.number(1, 1, MAX_CERTIFICATE)
    unit.nv.files[name] = yield from unit.at.data(count, unit.dialect.prompt)


def listing(unit: Unit, request: Request) -> None:
    """AT+CCERTLIST"""
    for name in sorted(unit.nv.files):
        unit.at.info(f'+CCERTLIST: "{name}"')


def delete(unit: Unit, request: Request) -> None:
    """AT+CCERTDELE="<name>" """
    if unit.nv.files.pop(request.text(0), None) is None:
        raise Refused


FILES: Table = {
    "+CCERTDOWN=": download,
    "+CCERTLIST": listing,
    "+CCERTDELE=": delete,
    "+CSSLCFG=": indexed("+CSSLCFG", SSL_RULES, range(10)),
}
