"""BG95: files in UFS (Quectel FILE manual V1.0) and what TLS makes of them (SSL manual V1.0)."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from tools.modem.engine.errors import FILE_ABORTED, FILE_EXISTS, FILE_NOT_FOUND, FILE_TIMEOUT, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.settings import Rule, indexed, value
from tools.modem.engine.tasks import Work
from tools.modem.link.dial import Tls

if TYPE_CHECKING:
    from tools.modem.unit import Unit

CONNECT = "\r\nCONNECT\r\n"
ACKNOWLEDGED = 1_024
MAX_FILE = 1_000_000

SSL_RULES: dict[str, Rule] = {
    "sslversion": [range(5)],
    "ciphersuite": [None],
    "cacert": [None],
    "clientcert": [None],
    "clientkey": [None],
    "seclevel": [range(3)],
    "ignorelocaltime": [range(2)],
    "negotiatetime": [range(10, 301)],
    "sni": [range(2)],
}


def tls(unit: Unit, context: int) -> Tls | None:
    """What context `context` is set to; None when a file is missing or the clock does not allow it."""
    level = int(value(unit, "+QSSLCFG", "seclevel", context, "0")[0])
    if level == 0:
        return Tls(None)
    if value(unit, "+QSSLCFG", "ignorelocaltime", context, "1")[0] == "0" and not unit.clock.is_set:
        return None
    keys = ("cacert",) if level == 1 else ("cacert", "clientcert", "clientkey")
    names = [_bare(value(unit, "+QSSLCFG", key, context, "")[0]) for key in keys]
    if any(name not in unit.nv.files for name in names):
        return None
    return Tls(*(unit.nv.files[name] for name in names))


def upload(unit: Unit, request: Request) -> Work:
    """AT+QFUPL="<name>",<bytes>[,<timeout s>[,<1: an A each 1 024 bytes>]]; the answer has the XOR of all
    16-bit words. `+++` after a silence breaks it off."""
    name = _bare(request.text(0))
    count = request.number(1, 1, MAX_FILE)
    limit_s = request.number(2, 1, 65_535, 5)
    if name in unit.nv.files:
        raise Refused(FILE_EXISTS)
    step = ACKNOWLEDGED if request.number(3, 0, 1, 0) else count
    data, prompt = b"", CONNECT
    while len(data) < count:
        part = yield from unit.at.data(min(step, count - len(data)), prompt, 1_000 * limit_s, escape=True)
        if not part:
            raise Refused(FILE_ABORTED if unit.at.escaped else FILE_TIMEOUT)
        data += part
        prompt = "A"
    unit.nv.files[name] = data
    unit.at.info(f"+QFUPL: {count},{checksum(data):x}")


def listing(unit: Unit, request: Request) -> None:
    """AT+QFLST="<pattern>": an error when nothing matches."""
    pattern = _bare(request.text(0, "*"))
    found = [name for name in sorted(unit.nv.files) if fnmatch.fnmatchcase(name, pattern)]
    if not found and pattern != "*":
        raise Refused(FILE_NOT_FOUND)
    for name in found:
        unit.at.info(f'+QFLST: "UFS:{name}",{len(unit.nv.files[name])}')


def delete(unit: Unit, request: Request) -> None:
    """AT+QFDEL="<name>" or "*" """
    name = _bare(request.text(0))
    if name == "*":
        unit.nv.files.clear()
    elif unit.nv.files.pop(name, None) is None:
        raise Refused(FILE_NOT_FOUND)


def checksum(data: bytes) -> int:
    """XOR of the big-endian 16-bit words, an odd byte padded with zero."""
    padded = data + bytes(len(data) % 2)
    result = 0
    for i in range(0, len(padded), 2):
        result ^= padded[i] << 8 | padded[i + 1]
    return result


def _bare(name: str) -> str:
    return name.removeprefix("UFS:")


FILES: Table = {
    "+QFUPL=": upload,
    "+QFLST=": listing,
    "+QFLST": listing,
    "+QFDEL=": delete,
    "+QSSLCFG=": indexed("+QSSLCFG", SSL_RULES, range(6)),
}
