"""The settings of each modem that the drivers or the bench touch: how to read them and how to put them back.

A value is a tuple of texts, empty when there is nothing. Sources: the vendors' AT manuals, as in the drivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

Value = tuple[str, ...]
Restore = Callable[[Value, Value], list[str]]
"""From (the value found, the value now) to the commands, without AT, that bring the former back."""


@dataclass(frozen=True)
class Setting:
    """`read` is the command without AT; `keep` takes the lines of its answer, their prefix removed."""

    name: str
    read: str
    prefix: str
    keep: Callable[[list[str]], Value]
    restore: Restore
    secret: bool = False
    """Its value is not shown."""
    refused_is_none: bool = False
    """A listing that is refused when there is nothing to list."""
    needs_network: bool = False
    """It can be put back only once the modem has found its network again."""


def split(line: str) -> list[str]:
    """Fields at commas outside quotes, blanks and quotes removed."""
    out, start, quoted = [], 0, False
    for i, char in enumerate(line + ","):
        if char == '"':
            quoted = not quoted
        elif i == len(line) or (char == "," and not quoted):
            out.append(line[start:i].strip().strip('"'))
            start = i + 1
    return out


# Kinds of setting


def _first(lines: list[str]) -> Value:
    return (split(lines[0])[0],) if lines else ()


def _whole(lines: list[str]) -> Value:
    return tuple(lines[0].split(",")) if lines else ()


def simple(name: str, command: str, keep: Callable[[list[str]], Value] = _first) -> Setting:
    """A command that reads with `?` and sets with `=`."""

    def restore(was: Value, now: Value) -> list[str]:
        return [f"{command}={','.join(was)}"] if was else []

    return Setting(name, f"{command}?", f"{command}:", keep, restore)


def keyed(command: str, key: str) -> Setting:
    """`command="key"` reads and `command="key",values` sets."""

    def restore(was: Value, now: Value) -> list[str]:
        return [f'{command}="{key}",{",".join(was)}'] if was else []

    def keep(lines: list[str]) -> Value:
        # Masks are reported with 0x by some firmware and taken without it.
        return tuple(part.removeprefix("0x") for part in lines[0].split(",")[1:]) if lines else ()

    return Setting(f"{command} {key}", f'{command}="{key}"', f"{command}:", keep, restore)


def indexed(command: str, key: str, index: int, default: str, most: int = 0) -> Setting:
    """`command="key",index` reads and `command="key",index,values` sets; `most`: its values at most.

    Some answers repeat the index, some do not: the number of values shows which. What has never been set is
    printed empty by some; its value is then `default`.
    """
    most = most or default.count(",") + 1

    def keep(lines: list[str]) -> Value:
        values = [value.strip() for value in lines[0].split(",")[1:]] if lines else []
        if values[:1] == [str(index)] and (len(values) > most or not values[-1]):
            values = values[1:]
        return tuple(values) if any(values) else tuple(default.split(","))

    def restore(was: Value, now: Value) -> list[str]:
        return [f'{command}="{key}",{index},{",".join(was)}']

    return Setting(f"{command} {key}", f'{command}="{key}",{index}', f"{command}:", keep, restore)


def switch(name: str, read: str, prefix: str, on: str, off: str, needs_network: bool = False) -> Setting:
    """Something that runs or does not; it is read as 1 or 0."""

    def restore(was: Value, now: Value) -> list[str]:
        return [on if was == ("1",) else off]

    return Setting(name, read, prefix, _first, restore, needs_network=needs_network)


def _level(lines: list[str]) -> Value:
    """Of reports on the registration. One that comes with the answer begins with the state instead, and no
    plain number follows."""
    parts = (line.split(",") for line in lines)
    return next(((one[0].strip(),) for one in parts if len(one) > 1 and one[1].strip().isdigit()), ())


def _radio_on(lines: list[str]) -> Value:
    """Empty for off: an operator can be selected only while it is on, so that it goes off last."""
    return ("1",) if _first(lines) == ("1",) else ()


def _operator(lines: list[str]) -> Value:
    parts = split(lines[0]) if lines else ["0"]
    return tuple(parts[:3]) if parts[0] == "1" else tuple(parts[:1])


def _select(was: Value, now: Value) -> list[str]:
    if was[0] == "1" and len(was) == 3:
        return [f'+COPS=1,{was[1]},"{was[2]}"']
    return {"0": ["+COPS=0"], "2": ["+COPS=2"]}.get(was[0], [])


def _contexts(lines: list[str]) -> Value:
    return tuple(
        ",".join(f'"{part}"' if i else part for i, part in enumerate(split(line)[:3])) for line in lines
    )


def _define(was: Value, now: Value) -> list[str]:
    there = {line.partition(",")[0] for line in was}
    gone = [number for number in (line.partition(",")[0] for line in now) if number not in there]
    changed = [line for line in was if line not in now]
    return [f"+CGDCONT={number}" for number in gone] + [f"+CGDCONT={line}" for line in changed]


def _forbidden(lines: list[str]) -> Value:
    parts = split(lines[0]) if lines else []
    return (parts[2].upper(),) if len(parts) > 2 and parts[0] == "144" else ()


def _forbid(was: Value, now: Value) -> list[str]:
    return [f'+CRSM=214,28539,0,0,{len(was[0]) // 2},"{was[0]}"'] if was else []


def _login(lines: list[str]) -> Value:
    return tuple(lines[0].split(",")) if lines else ()


def _logins(lines: list[str]) -> Value:
    """By context: type, user and password, in the order in which they are reported."""
    return tuple(lines)


def _log_in(was: Value, now: Value) -> list[str]:
    """The password comes first. What has not been reported entirely cannot be restored."""
    changed = [split(line) for line in was if line not in now]
    return [f'+CGAUTH={one[0]},{one[1]},"{one[3]}","{one[2]}"' for one in changed if len(one) == 4]


def _serve_time(was: Value, now: Value) -> list[str]:
    return [f"+CNTP={','.join(was)}"] if any(was) else []


def _names(lines: list[str]) -> Value:
    """Of files, without the name of the memory that some firmware lists and does not take."""
    return tuple(split(line)[0].removeprefix("UFS:") for line in lines)


def _delete(command: str) -> Restore:
    def restore(was: Value, now: Value) -> list[str]:
        return [f'{command}="{name}"' for name in now if name not in was]

    return restore


def _timers(lines: list[str]) -> Value:
    """Of +CPSMS: mode and both timers; if it is off, some firmware prints the timers, some does not."""
    parts = lines[0].split(",") if lines else []
    return tuple(parts if parts[:1] == ["1"] else parts[:1])


def _extended(lines: list[str]) -> Value:
    return tuple(sorted(",".join(line.split(",")[:2]) for line in lines if not line.startswith("0")))


def _extend(was: Value, now: Value) -> list[str]:
    kinds = {line.partition(",")[0] for line in was}
    off = [f"+CEDRXS=0,{line.partition(',')[0]}" for line in now if line.partition(",")[0] not in kinds]
    return off + [f"+CEDRXS=1,{line}" for line in was]


def _deactivate(was: Value, now: Value) -> list[str]:
    return [f"+QIDEACT={number}" for number in now if number not in was]


def _activate(was: Value, now: Value) -> list[str]:
    return [f"+QIACT={number}" for number in was if number not in now]


# The modems. The order is that of restoring.

_COMMON_FIRST = (
    *(simple(name, name, _level) for name in ("+CREG", "+CGREG", "+CEREG")),
    simple("+CTZU", "+CTZU"),
    simple("+CTZR", "+CTZR"),
    simple("+CGEREP", "+CGEREP", _whole),
    Setting("PDP contexts", "+CGDCONT?", "+CGDCONT:", _contexts, _define),
    Setting("forbidden networks", "+CRSM=176,28539,0,0,12", "+CRSM:", _forbidden, _forbid),
)
_COMMON_LAST = (
    Setting("radio on", "+CFUN?", "+CFUN:", _radio_on, lambda was, now: ["+CFUN=1"] if was else []),
    Setting("operator selection", "+COPS?", "+COPS:", _operator, _select),
    simple("+CFUN", "+CFUN"),
    simple("+CMEE", "+CMEE"),
)

_QCFG_KEYS = ("nwscanmode", "nwscanseq", "iotopmode", "band", "psm/urc", "roamservice", "servicedomain")
_QSSL = {"sslversion": "4", "ciphersuite": "0XFFFF", "seclevel": "0", "cacert": '""', "ignorelocaltime": "1"}
_QSSL |= {"negotiatetime": "300", "sni": "0"}
_QMT = {"version": "3", "pdpcid": "1", "keepalive": "120", "session": "1", "timeout": "5,3,0"}
_QMT |= {"recv/mode": "0,0"}
_CSSL = {"sslversion": "4", "authmode": "0", "cacert": '""', "ignorelocaltime": "1", "negotiatetime": "300"}
_CSSL |= {"enableSNI": "0"}

_QMT_SSL = indexed("+QMTCFG", "ssl", 0, "0", most=2)


def _off_alone(value: Value) -> Value:
    """TLS that is off, without the context it would use."""
    return value[:1] if value[0] == "0" else value


BG95 = (
    Setting("PDP contexts not in use", "+QIACT?", "+QIACT:", _names, _deactivate),
    *_COMMON_FIRST,
    Setting(
        "PDP login",
        "+QICSGP=1",
        "+QICSGP:",
        _login,
        lambda was, now: [f"+QICSGP=1,{','.join(was)}"],
        secret=True,
    ),
    *(keyed("+QCFG", key) for key in _QCFG_KEYS),
    keyed("+QURCCFG", "urcport"),
    simple("+QGPSXTRA", "+QGPSXTRA"),
    simple("+QSTK", "+QSTK"),
    keyed("+QGPSCFG", "priority"),
    Setting("PSM", "+CPSMS?", "+CPSMS:", _timers, lambda was, now: [f"+CPSMS={','.join(was)}"]),
    Setting("eDRX", "+CEDRXS?", "+CEDRXS:", _extended, _extend),
    *(indexed("+QSSLCFG", key, 1, default) for key, default in _QSSL.items()),
    *(indexed("+QMTCFG", key, 0, default) for key, default in _QMT.items()),
    replace(_QMT_SSL, keep=lambda lines: _off_alone(_QMT_SSL.keep(lines))),
    Setting("files", "+QFLST", "+QFLST:", _names, _delete("+QFDEL"), refused_is_none=True),
    simple("+QSCLK", "+QSCLK"),
    switch("GNSS", "+QGPS?", "+QGPS:", "+QGPS=1", "+QGPSEND"),
    *_COMMON_LAST,
    Setting("PDP contexts in use", "+QIACT?", "+QIACT:", _names, _activate, needs_network=True),
)
SIM7600 = (
    *_COMMON_FIRST,
    *(simple(f"+{name}", f"+{name}", _whole) for name in ("CNMP", "CNAOP", "CNBP", "CEMODE")),
    Setting("PDP logins", "+CGAUTH?", "+CGAUTH:", _logins, _log_in, secret=True),
    Setting("time server", "+CNTP?", "+CNTP:", _whole, _serve_time),
    simple("+CGPSXE", "+CGPSXE"),
    simple("+STK", "+STK"),
    *(indexed("+CSSLCFG", key, 0, default) for key, default in _CSSL.items()),
    Setting("certificates", "+CCERTLIST", "+CCERTLIST:", _names, _delete("+CCERTDELE"), refused_is_none=True),
    simple("+CSCLK", "+CSCLK"),
    switch("GNSS", "+CGPS?", "+CGPS:", "+CGPS=1", "+CGPS=0"),
    *_COMMON_LAST,
    switch("network service", "+NETOPEN?", "+NETOPEN:", "+NETOPEN", "+NETCLOSE", needs_network=True),
)
SETTINGS: dict[str, tuple[Setting, ...]] = {"bg95": BG95, "sim7600": SIM7600}

# Commands that change no stored setting, or none outside the tables: actions, and settings in RAM of a
# service that ends with the run.
_WORK = {
    "bg95": "+QENG +QIACT +QIDEACT +QFUPL +QFDEL +QFLST +QMTOPEN +QMTCONN +QMTSUB +QMTUNS +QMTPUB +QMTRECV"
    ' +QMTDISC +QMTCLOSE +QGPS +QGPSLOC +QGPSDEL +QCFG="psm/enter" +QPINC +QLTS +QNTP'
    " +QPOWD +QIOPEN +QISEND +QIRD +QICLOSE +QSSLOPEN +QSSLSEND +QSSLRECV +QSSLCLOSE"
    " +QGPSXTRATIME +QGPSXTRADATA +QSTKGI +QSTKRSP",
    "sim7600": "+CCERTDOWN +CCERTDELE +CMQTTACCQ +CMQTTSSLCFG +CMQTTCFG +CMQTTCONNECT +CMQTTTOPIC"
    " +CMQTTPAYLOAD +CMQTTPUB +CMQTTSUB +CMQTTUNSUB +CMQTTDISC +CMQTTREL +CGPS +CGPSXD +CGATT +CGACT +CCHSET"
    " +CCHSSLCFG +CCHOPEN +CCHSEND +CCHRECV +CCHCLOSE +STGI +STGR",
}
_WORK_OF_BOTH = "+CRSM +CFUN +COPS +CCHO +CCHC +CGLA +CSIM"


def unkept(modem: str, commands: Iterable[str]) -> list[str]:
    """Those of `commands` (with AT, as sent) that set what cannot be restored here, each once."""
    known = {setting.read.rstrip("?").partition("=")[0] for setting in SETTINGS[modem]}
    known -= {"+QCFG", "+QURCCFG", "+QGPSCFG", "+QSSLCFG", "+QMTCFG", "+CSSLCFG", "+QFLST", "+CCERTLIST"}
    keys = {setting.name.replace(" ", '="') + '"' for setting in SETTINGS[modem] if " " in setting.name}
    work = set(_WORK[modem].split()) | set(_WORK_OF_BOTH.split())
    found: dict[str, None] = {}
    for command in commands:
        body = command[2:].strip()
        name, sets, _ = body.partition("=")
        with_key = ",".join(body.split(",")[:1])
        if not body.startswith("+") or not sets or body.endswith("=?"):
            continue
        if name not in known | work and with_key not in keys | work:
            found[f"AT{with_key}"] = None
    return list(found)
