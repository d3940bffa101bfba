"""All that can be configured: a class for each section of the file, each key with its description.

The file itself, and the environment on top, are read in config_file.py.
"""

from dataclasses import dataclass, field
from typing import Annotated

from landbridge.core.checked import SECRET, Between, Wanted, key, one_of, strict
from landbridge.core.errors import is_one_line
from landbridge.protocol.settings import SETTINGS

MOSQUITTO = "mosquitto"
"""Value of [broker] users."""
PATH = "path"
"""Mark of keys whose relative values lead from the folder of the configuration file."""
_INTERVAL = SETTINGS["interval_s"]

_Text = Annotated[str, Wanted("a text in quotes, on one line", is_one_line)]
_Secret = Annotated[_Text, SECRET]
_Path = Annotated[_Text, PATH]
_File = Annotated[str, Wanted("the name of a file or folder", is_one_line, min_length=1), PATH]
_NAME = "[A-Za-z0-9:_-]{1,63}"
_Host = Annotated[
    str, Wanted("the name or address of a host", pattern=rf"^{_NAME}(\.{_NAME})*\.?$", max_length=253)
]
_HostOrNone = Annotated[
    str, Wanted("the name or address of a host", pattern=rf"^({_NAME}(\.{_NAME})*\.?)?$", max_length=253)
]
_AtText = Annotated[
    str,
    Wanted("at most 64 characters of printable ASCII without quotes", pattern="^[ !#-~]*$", max_length=64),
]
_Issuer = Annotated[
    str,
    Wanted(
        "the address of an issuer: https://..., or http:// on this machine",
        pattern=r"^(https://[!-~]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/[!-~]*)?)?$",
    ),
]
_ClientId = Annotated[str, Wanted("1 to 64 characters on one line", is_one_line, min_length=1, max_length=64)]
_Tiles = Annotated[
    str,
    Wanted("an address that begins with https:// or http://, or the name of a .pmtiles file", is_one_line,
           pattern=r"^(https?://[^ ]+|[^:]+\.pmtiles|)$"),
    PATH,
]  # fmt: skip
_Count = Annotated[int, Between(1, 2**31 - 1)]
_Port = Annotated[int, Between(1, 65535, "a port, 1 to 65535")]
_PortOrNone = Annotated[int, Between(0, 65535, "a port, 1 to 65535, or 0")]


@strict
@dataclass(frozen=True)
class Broker:
    """The MQTT broker as this agent reaches it."""

    host: _Host = key("localhost", "Host name; with TLS it must be the one in the certificate.")
    port: _Port = key(8883, "TCP port.")
    tls: bool = key(True, "Use TLS and verify the certificate.")
    ca_file: _Path = key("", "PEM file of the broker's CA; empty: the system's CAs.")
    cert_file: _Path = key("", "PEM file of the agent's client certificate; empty: none.")
    cert_key_file: _Path = key("", "PEM file of its key; empty: the key is in cert_file.")
    username: _Text = key("", "User of the agent at the broker; empty: none.")
    password: _Secret = key("", "Its password.")
    users: Annotated[str, one_of(("", MOSQUITTO))] = key(
        "",
        "mosquitto: the agent manages device users through its dynamic security plugin; empty: manually,"
        " or NATS asks the agent.",
    )
    client_id: _ClientId = key("landbridge-agent", "Fixed client id; one agent at a time may use it.")
    clean_session: bool = key(
        False, "Clean session: the broker keeps nothing while the agent is away; devices send it again."
    )
    home_assistant: _Text = key(
        "",
        "Discovery prefix of Home Assistant (usually homeassistant); empty: none.",
    )


@strict
@dataclass(frozen=True)
class Store:
    """Where everything is kept."""

    database: _File = key(
        "landbridge.sqlite3", "SQLite file, or postgresql://user@host/name (with the password in ~/.pgpass)."
    )
    raw_days: _Count = key(90, "Days for which raw uplinks are kept, so that they can be decoded again.")
    points_days: Annotated[int, Between(0, 36500)] = key(
        0, "Days for which points, wake logs and device logs are kept after their arrival; 0: forever."
    )
    audit_days: Annotated[int, Between(0, 36500)] = key(
        0, "Days for which the audit log is kept; 0: forever."
    )
    key_file: _Path = key("", "File of the key that encrypts the devices' keys; empty: <database>.key.")


@strict
@dataclass(frozen=True)
class Devices:
    """What `landbridge devices add` writes for a device, and limits of devices."""

    directory: _File = key("devices", "Folder for the configuration files of devices, one folder per device.")
    broker_host: _HostOrNone = key(
        "", "Host name under which devices reach the broker; required by `landbridge devices add`."
    )
    broker_port: _Port = key(8883, "Its TCP port (TLS).")
    ca_file: _Path = key("", "PEM file, at most 4 KB, of the broker's CA; empty: broker.ca_file.")
    apn: _Text = key("iot", "Access point name of the cards.")
    apn_user: _AtText = key("", "User of the access point; empty: none.")
    apn_password: Annotated[_AtText, SECRET] = key("", "Its password.")
    per_minute: _Count = key(600, "Messages accepted from a device per minute; it sends the rest later.")
    interval_s: Annotated[int, Between(_INTERVAL.lowest, _INTERVAL.highest)] = key(
        _INTERVAL.default, "Seconds between points with pacing off, unless the trip sets others."
    )


@strict
@dataclass(frozen=True)
class Web:
    """The pages and the HTTP API; other machines reach them through a proxy with TLS."""

    port: _PortOrNone = key(0, "TCP port; 0: neither pages nor API.")
    host: _Host = key("127.0.0.1", "Address to listen on.")
    url: _Text = key("", "Public address, for links and mails; empty: http://<host>:<port>.")
    admins_need_totp: bool = key(False, "Require a second factor for administrators with a password.")
    tiles: _Tiles = key(
        "",
        "Own map: URL of raster tiles with {z}, {x}, {y} or of a vector style, or a PMTiles file.",
    )
    tiles_credit: _Text = key("", "Attribution of these tiles on the map.")


def base_url(web: Web) -> str:
    """Where browsers find the pages, without a slash at its end."""
    return web.url.rstrip("/") or local_url(web.host, web.port)


def local_url(host: str, port: int) -> str:
    """Where this machine finds what listens there."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@strict
@dataclass(frozen=True)
class Openid:
    """Sign-in by OpenID Connect; the redirect address there is <web.url>/sign-in/openid/back."""

    issuer: _Issuer = key("", "Issuer, such as https://login.example/realms/fleet; empty: none.")
    client_id: _Text = key("", "Client id of the agent at the issuer.")
    client_secret: _Secret = key("", "Client secret; empty: none.")
    ca_file: _Path = key("", "PEM file of the provider's CA; empty: the system's CAs.")
    scope: _Text = key("openid profile email", "Scopes to request.")
    new_users: bool = key(False, "Create users from claims; otherwise an invitation is required.")
    role_claim: _Text = key(
        "", "Claim with the role, or a list that contains it; empty: roles are assigned here."
    )
    tenant_claim: _Text = key("", "Claim with the tenant; empty: tenants are assigned here.")
    operator_tenant: _Text = key("", "Value of that claim that means the operator tenant; empty: none.")


@strict
@dataclass(frozen=True)
class Nats:
    """The NATS server with JetStream, for `landbridge run --source nats`; [broker] is then its MQTT port."""

    url: _Text = key(
        "nats://localhost:4222", "Address; several of a cluster separated by commas; tls://... for TLS."
    )
    username: _Text = key("", "User of the agents; empty: none.")
    password: _Secret = key("", "Its password.")
    partitions: Annotated[int, Between(1, 256)] = key(
        16, "Number of partitions of the fleet; the same for all agents."
    )
    replicas: Annotated[int, Between(1, 5)] = key(
        1, "Number of servers of a cluster that store each message."
    )


@strict
@dataclass(frozen=True)
class Mail:
    """The mail server for notifications and reports."""

    host: _Host = key("localhost", "Host name; with TLS it must be the one in the certificate.")
    port: _Port = key(587, "TCP port.")
    tls: bool = key(True, "Use STARTTLS and verify the certificate.")
    username: _Text = key("", "User of the agent; empty: none.")
    password: _Secret = key("", "Its password.")
    sender: _Text = key("landbridge@localhost", "Sender address of mails.")


@strict
@dataclass(frozen=True)
class Dcsa:
    """For whom DCSA events are published; strict receivers want a carrier's code."""

    carrier_code: Annotated[str, Wanted("at most 10 letters and digits", pattern="^[A-Z0-9]{0,10}$")] = key(
        "", "Code of the carrier; empty: none."
    )
    carrier_code_list: Annotated[str, one_of(("SMDG", "NMFTA"))] = key("SMDG", "Code list of carrier_code.")


def carrier(dcsa: Dcsa) -> dict[str, str]:
    """The carrier as DCSA events name it."""
    if not dcsa.carrier_code:
        return {}
    return {"carrierCode": dcsa.carrier_code, "carrierCodeListProvider": dcsa.carrier_code_list}


@strict
@dataclass(frozen=True)
class Esim:
    """Downloads of eSIM profiles: from which SM-DP+ servers, and whose certificates are trusted."""

    servers: _Text = key(
        "", "SM-DP+ servers, separated by commas: smdp.example, or smdp.example:8443; empty: none."
    )
    ci_file: _Path = key("", "PEM file of the GSMA's root certificates; empty: no downloads.")
    test_ci_file: _Path = key("", "PEM file of an additional test root, for tests only; empty: none.")


@strict
@dataclass(frozen=True)
class Watch:
    """What watches the agent: /health and /metrics (Prometheus), and its log."""

    port: _PortOrNone = key(0, "TCP port of /health and /metrics; 0: neither.")
    host: _Host = key("127.0.0.1", "Address to listen on.")
    json_log: bool = key(False, "Log JSON objects, one per line, instead of text.")


@strict
@dataclass(frozen=True)
class Config:
    """All settings."""

    broker: Broker = field(default_factory=Broker)
    store: Store = field(default_factory=Store)
    devices: Devices = field(default_factory=Devices)
    web: Web = field(default_factory=Web)
    openid: Openid = field(default_factory=Openid)
    mail: Mail = field(default_factory=Mail)
    dcsa: Dcsa = field(default_factory=Dcsa)
    watch: Watch = field(default_factory=Watch)
    nats: Nats = field(default_factory=Nats)
    esim: Esim = field(default_factory=Esim)


def is_server(database: str) -> bool:
    """Whether [store] database names a PostgreSQL server, not a file."""
    return database.startswith("postgresql://")
