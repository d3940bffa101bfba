"""The demo's MQTT broker: amqtt with TLS on loopback and a list of users, as a process of its own.

`python -m tools.world.services.broker --folder DIR [--port N] [--trap DIR] [--hostile DIR]` reads broker.pem,
broker.key and users.json ({name: {"password", "publish": [filters], "subscribe": [filters]}}) from DIR.
It prints "listening PORT" once and "subscribed USER FILTER" for each subscription, and ends when
its standard input does, so that it cannot outlive who started it.
"""

import argparse
import asyncio
import hmac
import json
import sys
from asyncio import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session
from paho.mqtt.client import topic_matches_sub

from tools.world.services.chaos import BEFORE_DELIVERY, FLUSH_S, Trap
from tools.world.services.hostile import Hand, Message


class Users(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc]
    """The users, and the topics that each may publish and subscribe to."""

    @dataclass
    class Config:
        """`file`: path of users.json."""

        file: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self.users: dict[str, Any] = json.loads(Path(self.config.file).read_text())

    async def authenticate(self, *, session: Session) -> bool:
        """True if the session's password is the user's."""
        user: dict[str, Any] | None = self.users.get(session.username or "")
        return user is not None and hmac.compare_digest(user["password"], session.password or "")

    async def topic_filtering(
        self,
        *,
        session: Session | None = None,
        topic: str | None = None,
        action: Action | None = None,
    ) -> bool:
        """True if one of the user's filters covers `topic`."""
        user = self.users.get(session.username if session else "", {})
        filters = user.get("publish" if action == Action.PUBLISH else "subscribe", ())
        return any(topic_matches_sub(allowed, topic or "") for allowed in filters)

    async def on_broker_client_subscribed(self, *, client_id: str, topic: str, **_more: object) -> None:
        """Notify the process that started the broker that a client listens now."""
        print("subscribed", client_id, topic, flush=True)


class Subscriptions(dict[str, Any]):
    """Filter -> subscribers; may change while amqtt goes through it, which costs a plain dict the message."""

    def items(self) -> Any:
        """The present state."""
        return list(super().items())


class FrailBroker(Broker):  # type: ignore[misc]
    """A broker that can be made to die between a PUBACK and the delivery of its message."""

    def __init__(self, config: dict[str, Any], trap: Trap) -> None:
        super().__init__(config)
        self.trap = trap
        self._subscriptions = Subscriptions()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        # amqtt does this at each connect for the subscriptions of everybody; one's own are meant.
        subscribers = self._subscriptions.get(subscription[0], ())
        if any(each.client_id == session.client_id for each, _qos in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)

    async def _handle_message_delivery(
        self, client_session: Session, handler: BrokerProtocolHandler, wait_deliver: Future[Any]
    ) -> bool:
        # amqtt sends the PUBACK of a message first and hands the message over here afterwards.
        message = wait_deliver.result()
        up = message is not None and message.topic.endswith("/up")
        if up and self.trap.armed(BEFORE_DELIVERY):
            await asyncio.sleep(FLUSH_S)
            self.trap.spring()
        delivered: bool = await super()._handle_message_delivery(client_session, handler, wait_deliver)
        return delivered


class HostileBroker(FrailBroker):
    """A broker that does to the messages of devices what `hand` wants."""

    def __init__(self, config: dict[str, Any], trap: Trap, hand: Hand) -> None:
        super().__init__(config, trap)
        self._hand = hand

    async def _broadcast_message(
        self, session: Session | None, topic: str | None, data: bytes | bytearray | None, qos: Any = None
    ) -> None:
        given = Message(topic or "", bytes(data or b""))
        is_devices = given.topic.endswith(("/up", "/down"))
        for message in self._hand.deal(given) if is_devices else [given]:
            await super()._broadcast_message(session, *message, qos)


async def serve(folder: Path, port: int, trap: Trap, hostile: Path | None) -> None:
    """Serve until standard input ends."""
    listener = {
        "type": "tcp",
        "bind": f"127.0.0.1:{port}",
        "ssl": True,
        "certfile": str(folder / "broker.pem"),
        "keyfile": str(folder / "broker.key"),
    }
    plugins = {"tools.world.services.broker.Users": {"file": str(folder / "users.json")}}
    config = {"listeners": {"default": listener}, "plugins": plugins}
    broker = HostileBroker(config, trap, Hand(hostile)) if hostile else FrailBroker(config, trap)
    await broker.start()
    print("listening", broker._servers["default"].instance.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await broker.shutdown()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.world.services.broker")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--trap", type=Path, help="folder in which chaos arms its traps")
    parser.add_argument("--hostile", type=Path, help="folder in which it reads what to do to messages")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.folder, arguments.port, Trap(arguments.trap), arguments.hostile))


if __name__ == "__main__":
    main()
