"""The kinds of integrations, and how messages are delivered to each."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import NamedTuple

from landbridge.core.delivery_errors import Away, Gone, Refused
from landbridge.core.http import HttpClient
from landbridge.db.keys import Keyring
from landbridge.events.queries.outbox import OutboxMessage
from landbridge.features.integrations import dcsa_push, traccar, webhook
from landbridge.features.integrations.queries import Integration

__all__ = ["KINDS", "Away", "Gone", "Refused", "Send", "opened"]

Send = Callable[[OutboxMessage], None]
"""Delivers one message; `Away` when the integration accepts none now, `Refused` when it refuses this one."""


class Kind(NamedTuple):
    """A kind of integration."""

    what: tuple[str, ...]
    """Kinds of messages that it can receive; by default it gets them all."""
    scheme: tuple[str, ...]
    """Prefix of its address."""
    spelled: Callable[[bytes], str] | None
    """Makes the secret that signs its messages, as the receiver gets it; None: they are not signed."""
    help: str


KINDS = {
    "webhook": Kind(
        ("event", "position", "track"), ("http", "https"), webhook.spelled, "POST of each message, signed"
    ),
    "dcsa": Kind(("event",), ("http", "https"), bytes.hex, "POST of events in the DCSA format, signed"),
    "traccar": Kind(
        ("track",), ("http", "https"), None, "each point with a position, over the OsmAnd protocol"
    ),
}


@contextmanager
def opened(integration: Integration, keyring: Keyring, carrier: Mapping[str, str]) -> Iterator[Send]:
    """Return how messages are delivered to this integration; DCSA events name the `carrier`. `UserError` when
    its secret cannot be decrypted."""
    secret = keyring.unwrap(integration.wrapped_secret) if integration.wrapped_secret else b""
    with closing(HttpClient(integration.address, only_public=integration.only_public)) as client:
        match integration.kind:
            case "webhook":
                old = integration.wrapped_old_secret
                yield partial(webhook.send, client, [secret, *([keyring.unwrap(old)] if old else [])])
            case "dcsa":
                yield partial(dcsa_push.send, client, secret, carrier)
            case "traccar":
                yield partial(traccar.send, client)
            case _:
                raise ValueError(f"no kind of integration {integration.kind!r}")
