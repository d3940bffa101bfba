"""The policy of a card's profiles, as people write it: a TOML file.

fallback = "roaming"             # the profile that is enabled when nothing else connects
blocked = [432]                  # by mobile country code: there the device uses none, and keeps what it finds

[profile.roaming]
iccid = "8931440400012345678"
apn = "iot.example"              # user and password may follow
quota_mb = 10                    # a month; then another profile is used, and without one the device is silent

[profile.cis]
iccid = "8970101000000000012"
apn = "cis.example"
hosts = ["broker.example:8883"]  # the device asks nobody else over this access point; the broker comes first

[profile.cis.updates]            # releases are pulled over another one, and nothing else goes over it
apn = "updates.example"
host = "updates.example:8883"

[countries]                      # by mobile country code, the best profile first
401 = ["cis"]
250 = ["cis", "roaming"]
elsewhere = ["roaming"]
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cbor2

from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.features.esim import coding as wire
from landbridge.features.esim.coding import Policy, Profile

AUTOMATIC = "auto"
ELSEWHERE = "elsewhere"
_ACCESS = ("apn", "user", "password")
_MOST_PORT = 65_535
_MOST_QUOTA_MB = 1_000


def parse(text: str, where: str = "the policy") -> Policy:
    """The policy in a file; `UserError` says what is wrong in it."""
    found = files.toml_of(text, where)
    unknown = set(found) - {"fallback", "blocked", "profile", "countries"}
    if unknown:
        raise UserError(
            f"{', '.join(sorted(unknown))}: write fallback, blocked, [profile.<name>] and [countries]"
        )
    profiles = {name: _profile(name, each) for name, each in _table(found, "profile").items()}
    if not 1 <= len(profiles) <= wire.MOST_PROFILES:
        raise UserError(f"[profile.<name>] is there {len(profiles)} times: 1 to {wire.MOST_PROFILES} may be")
    if len({each.iccid for each in profiles.values()}) < len(profiles):
        raise UserError("two profiles have one ICCID; each has its own")
    fallback = found.get("fallback")
    if fallback not in profiles:
        raise UserError(f"fallback = {fallback!r} is no profile; there are {', '.join(profiles)}")
    countries = dict(_country(key, names, profiles) for key, names in _table(found, "countries").items())
    policy = Policy(profiles, fallback, countries | _blocked(found.get("blocked", []), countries))
    if (
        len(policy.countries) > wire.MOST_ROWS
        or len(cbor2.dumps(policy.encode(2**31 - 1, fallback))) > wire.MOST_BYTES
    ):
        raise UserError(f"too long for a device: {wire.MOST_ROWS} countries, {wire.MOST_BYTES} bytes at most")
    return policy


def _table(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name, {})
    if not isinstance(value, dict):
        raise UserError(f"{name} is no table; see `landbridge esim policy --help`")
    return value


def _profile(name: str, value: Any) -> Profile:
    where = f"profile.{name}"
    if name == AUTOMATIC or not isinstance(value, dict):
        raise UserError(f"{where}: a table of another name than {AUTOMATIC!r} is needed")
    others = ("hosts", "updates", "quota_mb")
    iccid, apn, user, password = _texts(where, value, ("iccid", *_ACCESS), others)
    if not iccid.isdigit() or not 18 <= len(iccid) <= 20:
        raise UserError(f"{where}.iccid = {iccid!r}: 18 to 20 digits, in quotes")
    hosts = value.get("hosts", [])
    if not isinstance(hosts, list) or len(hosts) > wire.MOST_HOSTS:
        raise UserError(f"{where}.hosts: a list of up to {wire.MOST_HOSTS}, the broker first")
    updates = _updates(f"{where}.updates", value["updates"]) if "updates" in value else ()
    quota_mb = value.get("quota_mb", 0)
    if type(quota_mb) is not int or not 0 <= quota_mb <= _MOST_QUOTA_MB:
        raise UserError(f"{where}.quota_mb = {quota_mb!r}: megabytes a month, up to {_MOST_QUOTA_MB}")
    allowed = tuple(_host(f"{where}.hosts", each) for each in hosts)
    return Profile(iccid, apn, user, password, allowed, updates, 1024 * quota_mb)


def _updates(where: str, value: Any) -> tuple[str, str, str, str, int]:
    if not isinstance(value, dict):
        raise UserError(f"{where}: a table with apn and host is needed")
    apn, user, password = _texts(where, value, _ACCESS, ("host",))
    return (apn, user, password, *_host(f"{where}.host", value.get("host")))


def _texts(where: str, value: Mapping[str, Any], names: Sequence[str], others: Sequence[str]) -> list[str]:
    """What `value` says for the names, "" where it says nothing; other keys than all these are refused."""
    unknown = set(value) - {*names, *others}
    if unknown:
        raise UserError(f"{where}: no {', '.join(sorted(unknown))}; known are {', '.join([*names, *others])}")
    texts = [value.get(name, "") for name in names]
    for name, text in zip(names, texts, strict=True):
        if not isinstance(text, str) or len(text) > wire.MOST_TEXT or not _fits_a_command(text):
            raise UserError(f"{where}.{name}: up to {wire.MOST_TEXT} ASCII characters without quotes")
    return texts


def _host(where: str, value: Any) -> tuple[str, int]:
    name, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    good = 0 < len(name) <= wire.MOST_TEXT and _fits_a_command(name) and port.isdigit()
    if not good or not 1 <= int(port) <= _MOST_PORT:
        raise UserError(f"{where} = {value!r}: name and port, as in broker.example:8883")
    return name, int(port)


def _fits_a_command(text: str) -> bool:
    return all(" " <= letter <= "~" and letter != '"' for letter in text)


def _country(key: str, names: Any, profiles: Mapping[str, Profile]) -> tuple[int, tuple[str, ...]]:
    mcc = wire.ELSEWHERE if key == ELSEWHERE else int(key) if key.isdigit() else -1
    if not (mcc == wire.ELSEWHERE and key == ELSEWHERE) and not 200 <= mcc <= 799:
        raise UserError(f"countries.{key}: a mobile country code (200 to 799), or {ELSEWHERE}")
    if not isinstance(names, list) or not names or not all(name in profiles for name in names):
        raise UserError(
            f"countries.{key}: a list of profiles, the best first; there are {', '.join(profiles)}"
        )
    return mcc, tuple(names)


def _blocked(mccs: Any, countries: Mapping[int, Sequence[str]]) -> dict[int, tuple[str, ...]]:
    good = isinstance(mccs, list) and all(type(mcc) is int and 200 <= mcc <= 799 for mcc in mccs)
    if not good or len(set(mccs)) < len(mccs) or set(mccs) & set(countries):
        raise UserError(
            f"blocked = {mccs!r}: mobile country codes (200 to 799) that [countries] does not have"
        )
    return dict.fromkeys(mccs, ())
