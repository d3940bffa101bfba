"""The policy of a card's profiles, as people write it: a TOML file.

fallback = "roaming"             # the profile that is enabled when nothing else connects
blocked = [432]                  # by mobile country code: there the modem stays off and positions are stored

[profile.roaming]
iccid = "8931440400012345678"
apn = "iot.example"              # user and password may follow

[profile.cis]
iccid = "8970101000000000012"
apn = "cis.example"
quota_mb = 10  # megabytes a month; then another profile is used, without one there is one session a day
hosts = ["broker.example:8883"]  # the only addresses used over this access point, the broker first
download = "LPA:1$smdp.example$7QX-2M"  # not on the card yet: downloaded in the first country that prefers it
confirmation = "4711"            # where the activation code asks for one

[profile.cis.updates]            # a second access point, only for downloading releases
apn = "updates.example"
host = "updates.example:8883"

[countries]                      # by mobile country code, the best profile first
401 = ["cis"]
250 = ["cis", "roaming"]
elsewhere = ["roaming"]
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import cbor2

from landbridge.core import files
from landbridge.core.checked import SECRET, Between, Itself, Sentences, Wanted, checked, strict
from landbridge.core.errors import UserError, is_one_line
from landbridge.features.esim import coding as wire
from landbridge.features.esim.coding import Policy, Profile

AUTOMATIC = "auto"
ELSEWHERE = "elsewhere"
_MOST_PORT = 65_535
_MOST_QUOTA_MB = 1_000
_FITS_A_COMMAND = "^[ !#-~]*$"


def _is_host(text: str) -> bool:
    name, _, port = text.rpartition(":")
    return 0 < len(name) <= wire.MOST_TEXT and port.isdecimal() and 1 <= int(port) <= _MOST_PORT


def _are_countries(mccs: Sequence[int]) -> bool:
    return all(200 <= mcc <= 799 for mcc in mccs) and len(set(mccs)) == len(mccs)


_Text = Annotated[
    str,
    Wanted(
        f"up to {wire.MOST_TEXT} ASCII characters without quotes",
        pattern=_FITS_A_COMMAND,
        max_length=wire.MOST_TEXT,
    ),
]
_Host = Annotated[str, Wanted("name and port, as in broker.example:8883", _is_host, pattern=_FITS_A_COMMAND)]
_Hosts = Annotated[
    tuple[_Host, ...],
    Itself(f"a list of up to {wire.MOST_HOSTS}, the broker first", max_length=wire.MOST_HOSTS),
]
_Country = Annotated[
    str,
    Wanted(f"a mobile country code (200 to 799), or {ELSEWHERE}", pattern=f"^([2-7][0-9][0-9]|{ELSEWHERE})$"),
]
_Names = Annotated[tuple[str, ...], Wanted("a list of profiles, the best first")]
_TABLE = Itself("a table; see `landbridge esim set-policy --help`")
_NOT_BLOCKED = "mobile country codes (200 to 799) that [countries] does not have"


@strict
@dataclass(frozen=True)
class _Access:
    """[profile.<name>.updates] of the file."""

    host: _Host
    apn: _Text = ""
    user: _Text = ""
    password: Annotated[_Text, SECRET] = ""


@strict
@dataclass(frozen=True)
class _Profile:
    """[profile.<name>] of the file."""

    iccid: Annotated[str, Wanted("18 to 20 digits, in quotes", pattern="^[0-9]{18,20}$")]
    apn: _Text = ""
    user: _Text = ""
    password: Annotated[_Text, SECRET] = ""
    hosts: _Hosts = ()
    updates: _Access | None = None
    quota_mb: Annotated[int, Between(0, _MOST_QUOTA_MB, f"megabytes a month, up to {_MOST_QUOTA_MB}")] = 0
    download: Annotated[str, SECRET, Itself("an activation code, as in LPA:1$server$matching-id")] = ""
    confirmation: Annotated[str, SECRET] = ""


@strict
@dataclass(frozen=True)
class _File:
    """All of it."""

    fallback: Annotated[str, Wanted("the name of a profile, in quotes")] = ""
    blocked: Annotated[tuple[int, ...], Wanted(_NOT_BLOCKED, _are_countries)] = ()
    profile: Annotated[dict[str, _Profile], _TABLE] = field(default_factory=dict)
    countries: Annotated[dict[_Country, _Names], _TABLE] = field(default_factory=dict)


_SAYS = Sentences(wrong="{at} = {value}: {wanted}", missing="{at} is missing: {wanted}")


Codes = Mapping[str, tuple[str, str]]
"""ICCID -> activation and confirmation code, of the profiles that are still to come."""


def parse(text: str, where: str = "the policy") -> Policy:
    """Return the policy in a file; `UserError` names what is wrong in it."""
    return parse_with_codes(text, where)[0]


def parse_with_codes(text: str, where: str) -> tuple[Policy, Codes]:
    """Return the policy in a file, with its profiles that have a code as awaited, and the codes; `UserError`
    names what is wrong in it, without a code."""
    return of_table(files.toml_of(text, where))


def _check_names(names: Iterable[str]) -> None:
    if AUTOMATIC in names:
        raise UserError(f"profile.{AUTOMATIC}: a table of another name than {AUTOMATIC!r} is needed")
    for name in names:
        if not name or not is_one_line(name):
            raise UserError(f"profile.{name!r}: a name of at least one character, on one line, is needed")


def of_table(found: Mapping[str, Any]) -> tuple[Policy, Codes]:
    """The same of what is in a file already read."""
    unknown = set(found) - {"fallback", "blocked", "profile", "countries"}
    if unknown:
        raise UserError(
            f"{', '.join(sorted(unknown))}: write fallback, blocked, [profile.<name>] and [countries]"
        )
    file = checked(_File, found, _SAYS)
    _check_names(file.profile)
    profiles = {name: _profile(each) for name, each in file.profile.items()}
    if not 1 <= len(profiles) <= wire.MOST_PROFILES:
        raise UserError(f"there are {len(profiles)} tables [profile.<name>]: write 1 to {wire.MOST_PROFILES}")
    if len({each.iccid for each in profiles.values()}) < len(profiles):
        raise UserError("two profiles have the same ICCID; each needs its own")
    if file.fallback not in profiles:
        raise UserError(f"fallback = {file.fallback!r} is not a profile; choose from {', '.join(profiles)}")
    if profiles[file.fallback].awaited:
        raise UserError(f"profile.{file.fallback}.download: the fallback profile must be on the card already")
    countries = dict(_country(name, names, profiles) for name, names in file.countries.items())
    if set(file.blocked) & set(countries):
        raise UserError(f"blocked = {list(file.blocked)}: {_NOT_BLOCKED}")
    policy = Policy(profiles, file.fallback, countries | dict.fromkeys(file.blocked, ()))
    if (
        len(policy.countries) > wire.MOST_ROWS
        or len(cbor2.dumps(policy.complete().encode(2**31 - 1, file.fallback))) > wire.MOST_BYTES
    ):
        raise UserError(f"too long for a device: {wire.MOST_ROWS} countries, {wire.MOST_BYTES} bytes at most")
    codes = {each.iccid: (each.download, each.confirmation) for each in file.profile.values()}
    return policy, {iccid: code for iccid, code in codes.items() if code[0]}


def _profile(given: _Profile) -> Profile:
    access = (given.iccid, given.apn, given.user, given.password)
    over = given.updates
    updates = (over.apn, over.user, over.password, *_host(over.host)) if over else ()
    hosts = tuple(map(_host, given.hosts))
    return Profile(*access, hosts, updates, 1024 * given.quota_mb, bool(given.download))


def _host(text: str) -> tuple[str, int]:
    name, _, port = text.rpartition(":")
    return name, int(port)


def _country(name: str, names: Sequence[str], profiles: Mapping[str, Profile]) -> tuple[int, tuple[str, ...]]:
    if not names or not all(each in profiles for each in names):
        raise UserError(
            f"countries.{name}: a list of profiles, the best first; choose from {', '.join(profiles)}"
        )
    return wire.ELSEWHERE if name == ELSEWHERE else int(name), tuple(names)
