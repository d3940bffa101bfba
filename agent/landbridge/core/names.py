"""Names that people choose: of tenants, tokens, geofences, ..."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from landbridge.core.errors import UserError
from landbridge.core.texts import _

OPERATOR = "operator"
"""The operator tenant: it owns what belongs to no other tenant's trip."""
AGENT = "the agent"
"""Author of what the agent does by itself, such as the end of an alarm."""
BROKER = "broker"
"""Kind of the integration that represents the MQTT broker, to which the publisher sends the outbox."""
Owned = TypeVar("Owned", bound=Any)
"""Something with a tenant."""
_NOUNS = {"token": _("token"), "user": _("user"), "tenant": _("tenant"), "integration": _("integration")}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def is_of(tenant: str | None, owner: str | None) -> bool:
    """Whether `owner` names `tenant` (None: the operator tenant); an `owner` of None names every tenant."""
    return owner is None or (tenant or OPERATOR) == owner


def only(found: Sequence[Owned], name: str) -> Owned:
    """Return the one thing of this name; `UserError` if several tenants have one."""
    if len(found) > 1:
        owners = ", ".join(sorted(each.tenant or OPERATOR for each in found))
        raise UserError(
            _("the name {name} is used by {owners}: add the tenant", owners=owners, name=name),
            "tenant",
        )
    return found[0]


def checked(name: str, what: str) -> str:
    """Return `name`; `UserError` if it is no valid name of a `what`."""
    if not _NAME.fullmatch(name) or (what == "tenant" and name == OPERATOR):
        why = _(
            "{name} cannot be the name of a {what}: 1 to 32 of a-z, 0-9 and -, not {operator}",
            name=repr(name), what=_NOUNS.get(what, what), operator=OPERATOR,
        )  # fmt: skip
        raise UserError(why, "tenant" if what == "tenant" else "name")
    return name
