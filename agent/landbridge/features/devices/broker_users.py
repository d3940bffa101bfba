"""Users at the broker that come and go with devices, by Mosquitto's dynamic security plugin.

The plugin has a control topic: commands go there as JSON, in batches, and their results come back. Its roles
know no placeholders, so each device has a role of its own in addition to its user; both have its id. All
users of devices are in one group: users outside it are left alone. The database says which devices
there are, the broker follows.
"""

import json
import queue
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from landbridge.config import MOSQUITTO, Broker
from landbridge.core.errors import UserError
from landbridge.core.periodic import Periodic
from landbridge.db.database import Database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.ingest.session import no_connection, send_at_once, set_tls
from landbridge.protocol.envelope import broker_password

GROUP = "devices"
CONTROL = "$CONTROL/dynamic-security/v1"
_BATCH = 100
_WAIT_S = 30.0
_EVERY_S = 60.0
_THERE, _GONE = ("already exists", "already in this group"), ("not found", "does not exist")
_Command = dict[str, Any]


class Differences(NamedTuple):
    """Differences between the database and the broker."""

    missing: list[str]
    """Devices in use without a user."""
    extra: list[str]
    """Users of no device in use."""


class Control:
    """The plugin, over a connection of the agent's user."""

    def __init__(self, client: mqtt.Client, answers: "queue.Queue[bytes]") -> None:
        self.client, self._answers = client, answers

    def run(self, commands: Sequence[_Command], passed: Sequence[str] = ()) -> list[_Command]:
        """Run commands in order; return the result of each. `UserError` for an error, unless it says one of
        `passed`."""
        results: list[_Command] = []
        for first in range(0, len(commands), _BATCH):
            batch = commands[first : first + _BATCH]
            self.client.publish(CONTROL, json.dumps({"commands": batch}), qos=1)
            try:
                results += json.loads(self._answers.get(timeout=_WAIT_S))["responses"]
            except queue.Empty:
                raise UserError(
                    f"the broker answers nothing on {CONTROL}: load its dynamic security plugin and allow"
                    " the topic to the agent's user (`landbridge setup` does both), or empty [broker] users"
                ) from None
        for command, result in zip(commands, results, strict=True):
            error = str(result.get("error", ""))
            if error and not any(each in error.lower() for each in passed):
                name = command.get("username") or command.get("rolename") or ""
                raise UserError(f"the broker refuses {command['command']} {name}: {error}; see its log")
        return results

    def users(self) -> set[str]:
        """Return the users of devices."""
        (result,) = self.run([{"command": "getGroup", "groupname": GROUP}])
        return {each["username"] for each in result["data"]["group"].get("clients", ())}

    def add(self, users: Sequence[tuple[str, str]]) -> None:
        """Add users with passwords. A role left over from an earlier attempt is good."""
        self.run([_role(device) for device, _ in users], _THERE)
        results = self.run([_user(*each) for each in users], _THERE)
        there = {user for (user, _), result in zip(users, results, strict=True) if "error" in result}
        # Another command may have added the same devices at the same time.
        if foreign := there and sorted(there - self.users()):
            self.run([{"command": "deleteRole", "rolename": each} for each in foreign], _GONE)
            raise UserError(
                f"the broker already has users {', '.join(foreign[:5])} that are not devices: remove them"
                " there, or add the devices under other ids"
            )

    def add_platform(self, user: str, tenant: str, prefix: str = "") -> str:
        """Add a user who may read what is published for the tenant, and below a `prefix` of Home Assistant;
        return the password."""
        password = secrets.token_urlsafe(18)
        topics = {f"platform {tenant}": f"landbridge/out/{tenant}/#"}
        if prefix:
            topics[f"platform discovery {prefix}"] = f"{prefix}/#"
        self.run([_reader(*each) for each in topics.items()], _THERE)
        roles = [{"rolename": role, "priority": 0} for role in topics]
        wanted = {"command": "createClient", "username": user, "password": password, "roles": roles}
        (made,) = self.run([wanted], _THERE)
        if "error" in made:
            raise UserError(f"the broker already has a user {user}: choose another name for the platform")
        return password

    def remove(self, users: Collection[str]) -> None:
        """Remove users; connected clients are disconnected."""
        self.run([{"command": "deleteClient", "username": each} for each in users], _GONE)
        self.run([{"command": "deleteRole", "rolename": each} for each in users], _GONE)


def _reader(role: str, topic: str) -> _Command:
    acls = [{"acltype": "subscribePattern", "topic": topic, "priority": 0, "allow": True}]
    return {"command": "createRole", "rolename": role, "acls": acls}


def _role(device: str) -> _Command:
    may = {"publishClientSend": "up", "subscribeLiteral": "down"}
    acls = [
        {"acltype": kind, "topic": f"landbridge/{device}/{leaf}", "priority": 0, "allow": True}
        for kind, leaf in may.items()
    ]
    return {"command": "createRole", "rolename": device, "acls": acls}


def _user(device: str, password: str) -> _Command:
    return {
        "command": "createClient",
        "username": device,
        "password": password,
        "roles": [{"rolename": device, "priority": 0}],
        "groups": [{"groupname": GROUP, "priority": 0}],
    }


@contextmanager
def control(broker: Broker) -> Iterator[Control]:
    """Connect as the agent's user; `UserError` if that fails."""
    answers: queue.Queue[bytes] = queue.Queue()
    ready: queue.Queue[str] = queue.Queue()
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, f"landbridge-users-{uuid4().hex[:8]}", reconnect_on_failure=False
    )
    client.on_socket_open = send_at_once
    client.on_connect = lambda _client, _data, _flags, reason, _: ready.put(
        f"refuses the agent: {reason}" if reason.is_failure else ""
    )
    client.on_subscribe = lambda *_: ready.put("")
    client.on_disconnect = lambda *_: ready.put("ends the connection")
    client.on_message = lambda _client, _data, message: answers.put(bytes(message.payload))
    client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        set_tls(client, broker)
    try:
        client.connect(broker.host, broker.port)
    except (OSError, UnicodeError) as error:
        raise UserError(f"broker {broker.host}:{broker.port} {no_connection(error)}") from None
    client.loop_start()
    try:
        _await(broker, ready)
        client.subscribe(f"{CONTROL}/response", qos=1)
        _await(broker, ready)
        yield Control(client, answers)
    finally:
        client.disconnect()
        client.loop_stop()


def _await(broker: Broker, ready: "queue.Queue[str]") -> None:
    try:
        problem = ready.get(timeout=_WAIT_S)
    except queue.Empty:
        problem = "does not answer"
    if problem:
        raise _away(broker, problem)


def _away(broker: Broker, why: str) -> UserError:
    return UserError(f"broker {broker.host}:{broker.port} {why}; start it, or correct [broker]")


def differences(broker: Broker, database: Database) -> Differences:
    """Compare the users at the broker with the devices in use."""
    with control(broker) as there:
        return _compared(there.users(), _in_use(database))


def sync(broker: Broker, database: Database, keyring: Keyring) -> Differences:
    """Add the users that are missing and remove those that are too many; return them."""
    with control(broker) as there:
        wrapped = _in_use(database)
        found = _compared(there.users(), wrapped)
        there.remove(found.extra)
        there.add([(each, broker_password(keyring.unwrap(wrapped[each]), each)) for each in found.missing])
    return found


def follow(broker: Broker, database: Database, keyring: Keyring) -> Differences | None:
    """The same, after devices have changed; None if the broker's users are made by hand."""
    if broker.users != MOSQUITTO:
        return None
    try:
        return sync(broker, database, keyring)
    except UserError as error:
        raise UserError(
            f"the devices are stored, their users at the broker are not yet: {error}; then"
            " `landbridge broker sync`"
        ) from None


def _in_use(database: Database) -> dict[str, bytes]:
    with database.reading() as connection:
        return dict(devices.keys(connection))


def _compared(users: Collection[str], in_use: Collection[str]) -> Differences:
    return Differences(sorted(set(in_use) - set(users)), sorted(set(users) - set(in_use)))


class BrokerUsers(Periodic):
    """Follows devices that were added and retired elsewhere, by pages and API, in the running agent."""

    def __init__(
        self, broker: Broker, database: Database, keyring: Keyring, may_send: Callable[[], bool]
    ) -> None:
        super().__init__("broker users", "bring the users at the broker up to date", _EVERY_S, first_s=1.0)
        self._broker, self._database, self._keyring, self._may_send = broker, database, keyring, may_send
        self._known: set[str] | None = None
        """The devices whose users the broker has; it is asked only when they change."""

    def turn(self) -> float | None:
        """Follow, if anything has changed."""
        with self._database.reading() as connection:
            in_use = set(devices.in_use(connection))
        if in_use != self._known and self._may_send():
            sync(self._broker, self._database, self._keyring)
            self._known = in_use
        return None
