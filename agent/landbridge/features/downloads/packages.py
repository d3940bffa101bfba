"""Tasks of an IoT eUICC step by step: it is associated with the agent, and executes packages that the agent
signs.

    ordered -> associating -> done
    ordered -> associating -> signing -> removing -> done, if another device has had the card
    ordered -> signing -> removing -> done
    ordered -> signing -> switching -> checking -> removing -> done

To enable a profile is a switch of the device: it keeps the package until then, and returns by itself if the
new profile does not connect. Nothing here touches the database.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import cbor2

from landbridge.core import texts
from landbridge.core.texts import _
from landbridge.features.downloads import es10, iot, trust
from landbridge.features.downloads.coding import DONE as ANSWERED
from landbridge.features.downloads.es10 import CardRefused
from landbridge.features.downloads.orders import Next, Order, Remote
from landbridge.features.downloads.queries import (
    ASSOCIATE,
    ASSOCIATING,
    CHECKING,
    DELETE,
    DISABLE,
    DISSOCIATE,
    DONE,
    ENABLE,
    FAILED,
    LIST,
    ORDERED,
    REMOVING,
    SIGNING,
    SWITCHING,
)
from landbridge.features.downloads.steps import again, ask, ended, not_done, other_card
from landbridge.features.downloads.trust import Distrust, Trust
from landbridge.protocol import der
from landbridge.protocol.der import DerError

_TASKS = (ASSOCIATE, DISSOCIATE, ENABLE, DISABLE, LIST)
_SWITCHES = (ENABLE, DISABLE)


def is_mine(order: Order) -> bool:
    """Whether an order is for the agent as the manager of the card."""
    return order.row.task in _TASKS or (order.row.task == DELETE and order.request[:2] != b"\xbf\x33")


def first(task: str) -> bytes:
    """Return the first requests of an order of this task: an associated card has reported its data before."""
    return iot.WHO if task == ASSOCIATE else iot.STATE


def advance(order: Order, trusted: Trust) -> Next:
    """Return what follows from the device's answer."""
    stage = order.row.stage
    try:
        if stage == REMOVING:
            return _over(order)
        if order.row.reason != ANSWERED:
            return _not_done(order)
        return _STAGES[stage](order, trusted)
    except CardRefused as error:
        return ended(error.why)
    except Distrust as error:
        return ended(error.args[0])
    except DerError as error:
        return ended(_("an answer of the card cannot be read: {why}", why=str(error)))


def _not_done(order: Order) -> Next:
    """A package whose result was lost may have been obeyed: the card has kept the result."""
    if order.row.stage == SIGNING and order.row.task not in _SWITCHES:
        found = not_done(order)
        return found if found.outcome else ask(order, CHECKING, iot.RESULTS)
    found = not_done(order)
    if found.outcome or "request" not in found.values:
        return found
    return replace(found, values=found.values | {"request": first(order.row.task), "stage": ORDERED})


def _remote(order: Order) -> Remote:
    assert order.remote
    return order.remote


def _collected(order: Order, trusted: Trust) -> Next:
    """The card has said what it is; then who manages it, and what it has."""
    found, remote = iot.state(order.answer), _remote(order)
    if order.row.eid and order.row.eid != found.eid:
        return other_card()
    if not found.iot:
        return _consumer(order, found)
    associations, is_certified = found.associations, found.certificates or remote.certificates
    if not order.row.eid or associations is None or not is_certified:
        known = der.make(iot.CERTIFICATES) if remote.certificates is None else b""
        return replace(ask(order, ORDERED, iot.STATE + known, eid=found.eid), euicc={"iot": True})
    learned = None
    if found.certificates:
        _check_card(found, trusted, order)
        learned = (found.eid, *found.certificates)
    mine = next((each for each in associations if each.eim_id == remote.manager.eim_id), None)
    act = _associate if order.row.task == ASSOCIATE else _sign
    come = act(order, found, mine)
    values = come.values | {"free_bytes": found.free, "eid": found.eid}
    # That it is here the card of another device has to sign.
    euicc = None if remote.holder else {**_said(found, mine), **(come.euicc or {})}
    return replace(come, values=values, learned=learned, euicc=euicc)


def _consumer(order: Order, found: iot.State) -> Next:
    why = _("the card is not an IoT eUICC: it needs no association")
    return Next({"eid": found.eid}, FAILED, why, euicc={"iot": False})


def _check_card(found: iot.State, trusted: Trust, order: Order) -> None:
    """`Distrust` unless the certificates are the card's and lead to a root."""
    assert found.certificates
    trust.card(*found.certificates, found.eid, trusted.roots, order.now)


def _said(found: iot.State, mine: iot.Association | None) -> dict[str, Any]:
    """Return the stored data of the card."""
    manager = mine or next(iter(found.associations or ()), None)
    said: dict[str, Any] = {"iot": True, "eim_id": manager.eim_id if manager else None}
    if mine:
        said |= {"token": mine.token, "counter": mine.counter}
    return said | {"profiles": listed(found.profiles)}


def listed(profiles: tuple[iot.Listed, ...]) -> str:
    """Profiles as they are stored."""
    return json.dumps([[*each] for each in profiles])


def _associate(order: Order, found: iot.State, mine: iot.Association | None) -> Next:
    if mine:
        return _in_charge(order, mine)
    if found.associations:
        return ended(
            _(
                "the card is associated with {manager}; end that association there first",
                manager=found.associations[0].eim_id,
            )
        )
    remote = _remote(order)
    requests = iot.associate(remote.manager.eim_id, 0, remote.manager.key.public_key())
    return ask(order, ASSOCIATING, requests)


def _associated(order: Order, _trusted: Trust) -> Next:
    return _in_charge(order, iot.Association(_remote(order).manager.eim_id, 0, iot.associated(order.answer)))


def _in_charge(order: Order, mine: iot.Association) -> Next:
    """The card obeys the agent. One that another device has had proves by a signed list that it is here."""
    holder = _remote(order).holder
    if not holder:
        return Next({}, DONE, euicc=mine._asdict())
    why = _("{device} has had this card: it is asked for its signature", device=holder)
    return _package(order, mine, [iot.list_profiles()], why)


def _sign(order: Order, found: iot.State, mine: iot.Association | None) -> Next:
    """Sign a package for the card."""
    task, remote = order.row.task, _remote(order)
    if mine is None:
        if task == DISSOCIATE:
            return Next({}, DONE)
        return ended(_("the card is not associated with this agent; associate it first"))
    if remote.holder:
        why = _("{device} has this card; if it was moved here, associate it here first", device=remote.holder)
        return ended(why)
    return _package(order, mine, _orders(order, found))


def _package(order: Order, mine: iot.Association, orders: list[bytes], problem: str | None = None) -> Next:
    """The number of a package is higher than any that card or agent know."""
    task, remote = order.row.task, _remote(order)
    counter = max(mine.counter, 0 if remote.holder else remote.counter) + 1
    if counter > iot.MOST_COUNTER:
        return ended(
            _("the numbers of packages for this card are used up; end the association and associate it again")
        )
    head = iot.Head(mine.eim_id, order.row.eid, counter, secrets.token_bytes(8), mine.token)
    content = iot.package(head, orders, remote.manager.key, task != DISSOCIATE)
    request = iot.transfer(content) if task in _SWITCHES else content
    session = cbor2.dumps({"head": [*head], "signed_s": order.now_s})
    asked = ask(order, SIGNING, request, session=session, problem=problem)
    return replace(asked, euicc=None if remote.holder else {"counter": counter})


def _orders(order: Order, found: iot.State) -> list[bytes]:
    """Return the contents of the package."""
    task, iccid, remote = order.row.task, order.row.iccid, _remote(order)
    match task:
        case "list":
            return [iot.list_profiles()]
        case "delete":
            return [iot.delete(iccid)]
        case "dissociate":
            return [iot.end(remote.manager.eim_id)]
    target = remote.fallback if task == DISABLE else iccid
    there = {each.iccid: each for each in found.profiles}
    if target not in there or (task == DISABLE and iccid not in there):
        raise CardRefused(_("the card has no such profile"))
    if there[target].enabled:
        raise CardRefused(_("the profile is enabled already"))
    marked = there.get(remote.fallback)
    first_ones = [iot.fall_back(remote.fallback)] if marked and _may_mark(marked) else []
    return [*first_ones, *([iot.disable(iccid)] if task == DISABLE else []), iot.enable(target)]


def _may_mark(fallback: iot.Listed) -> bool:
    """Whether the card can have this profile as its fallback, which needs no signature to enable."""
    return fallback.may_fall_back and not fallback.fallback


def _head(order: Order) -> iot.Head:
    return iot.Head(*order.session["head"])


def _signed(order: Order, _trusted: Trust) -> Next:
    """The card has obeyed, or the device has kept the package for its switch."""
    if order.row.task not in _SWITCHES:
        return _obeyed(order, order.answer)
    iot.check_kept(order.answer)
    target = _remote(order).fallback if order.row.task == DISABLE else order.row.iccid
    session = cbor2.dumps({**order.session, "target": target})
    return replace(ask(order, SWITCHING, b"", session=session), switch_to=target)


def _obeyed(order: Order, answer: bytes) -> Next:
    """Process the result of the package; after that the card may remove it."""
    certificates = _remote(order).certificates
    assert certificates
    found = iot.result(answer, _head(order), certificates[0])
    problem = None
    try:
        found.check()
    except CardRefused as error:
        # An earlier package may have deleted it, whose result was lost.
        if not (order.row.task == DELETE and error.code == es10.NOT_FOUND and order.row.sessions):
            problem = error.why
    if problem is None and order.row.task in _SWITCHES and _remote(order).used != order.session["target"]:
        problem = _("the device has returned to another profile: the new one did not connect")
    euicc: dict[str, Any] = {}
    if _remote(order).holder:
        head = _head(order)
        euicc = {"eim_id": head.eim_id, "token": head.token, "counter": head.counter}
    if found.profiles is not None:
        euicc["profiles"] = listed(found.profiles)
    if order.row.task == DISSOCIATE and problem is None:
        euicc |= {"eim_id": None, "token": 0}
    asked = ask(order, REMOVING, es10.remove(found.number), problem=problem)
    return replace(asked, euicc=euicc, proved_s=order.session["signed_s"])


def _checked(order: Order, _trusted: Trust) -> Next:
    """The results that the card still has: that of the package is among them if it was obeyed."""
    for each in iot.results(order.answer):
        if iot.is_of(each, _head(order)) and not _is_rollback(each):
            return _obeyed(order, each)
    if order.row.task in _SWITCHES:
        return ended(_("the card has not received the package: the device did not switch; order again"))
    return again(order, _("the result was lost"), requests=iot.STATE)


def _is_rollback(answer: bytes) -> bool:
    """Whether it only reports that the device has returned."""
    choice = der.single(der.only(answer, iot.PACKAGE))
    return [each.tag for each in der.objects(der.value(choice.value, 0x30, 0x30))] == [iot.ROLLED_BACK]


def _over(order: Order) -> Next:
    """The card has forgotten the result, or does so when others push it out."""
    if order.row.problem:
        return ended(texts.loaded(order.row.problem))
    return Next({}, DONE)


_STAGES: Mapping[str, Callable[[Order, Trust], Next]] = {
    ORDERED: _collected,
    ASSOCIATING: _associated,
    SIGNING: _signed,
    CHECKING: _checked,
}
