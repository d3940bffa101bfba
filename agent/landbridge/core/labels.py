"""Labels on pages and in e-mails for the codes of the API: states, alarms, events, actions, stages."""

from landbridge.core.texts import _

LABELS = {
    # States of a device
    "alarm": _("alarm"),
    "silent": _("session overdue"),
    "moving": _("moving"),
    "dwelling": _("stationary"),
    "unlocated": _("no position"),
    "new": _("never connected"),
    "ended": _("trip ended"),
    # Alarms of devices and of tracking
    "light": _("light detected"),
    "shock": _("shock"),
    "temperature": _("temperature out of range"),
    "battery": _("battery low"),
    "tilt": _("tilt"),
    "tamper": _("tampering"),
    "card": _("SIM card exchanged or missing"),
    "gnss": _("no satellite fix"),
    "off-route": _("off route"),
    "gap": _("data gap"),
    "dwell": _("long stop"),
    # Alarms of SIM controls
    "separation": _("SIM in another device"),
    "binding": _("SIM or IMSI not registered for the device"),
    "region": _("country not allowed for the SIM"),
    "network": _("network not allowed for the SIM"),
    "high-risk": _("SIM in a high-risk region"),
    "area": _("SIM outside its area"),
    "quota-50": _("50 % of the data quota used"),
    "quota-80": _("80 % of the data quota used"),
    "quota-100": _("data quota used up"),
    "usage": _("data usage differs from the provider's figure"),
    "traffic": _("traffic to a forbidden host"),
    "services": _("voice or SMS on"),
    "blocked": _("blocked SIM in use"),
    "life-cycle": _("SIM used while in stock, suspended or retired"),
    # Events and their actions
    "departed": _("starts to move"),
    "stopped": _("comes to rest"),
    "country": _("country changed"),
    "power-on": _("switched on"),
    "motion": _("motion"),
    "temperature-back": _("temperature normal again"),
    "heard-again": _("connected again"),
    "stop": _("stop"),
    "departure": _("departure"),
    "border": _("border crossing"),
    "arrival": _("arrival"),
    "enter": _("entered"),
    "leave": _("left"),
    "pass": _("passed"),
    "return": _("returned"),
    "alarm-cleared": _("alarm cleared"),
    "geofence": _("geofence"),
    "start-suggested": _("trip start suggested"),
    # Severities and states of an alarm
    "warning": _("warning"),
    "minor": _("minor"),
    "major": _("major"),
    "critical": _("critical"),
    "raised": _("raised"),
    "acknowledged": _("acknowledged"),
    "cleared": _("cleared"),
    # Share links
    "open": _("active"),
    "over": _("expired"),
    "revoked": _("revoked"),
    # Cards
    "bound": _("bound"),
    "armed": _("not bound yet"),
    "separated": _("in another device"),
    "rebind pending": _("rebinding allowed"),
    "stock": _("in stock"),
    "test": _("test"),
    "active": _("in service"),
    "suspended": _("suspended"),
    "retired": _("retired"),
    # Roles
    "reader": _("reader"),
    "operator": _("operator"),
    "admin": _("admin"),
    # Users, and the means of a sign-in
    "invited": _("invited"),
    "confirmed": _("confirmed"),
    "disabled": _("disabled"),
    "password": _("password"),
    "openid": _("OpenID Connect"),
    "token": _("token"),
    # Orders for cards
    "download": _("download"),
    "delete": _("delete"),
    "rename": _("rename"),
    "associate": _("associate the card"),
    "dissociate": _("end the association"),
    "enable": _("enable by signed package"),
    "disable": _("disable by signed package"),
    "list": _("list profiles"),
    "associating": _("being associated"),
    "signing": _("signed package sent"),
    "switching": _("waiting for the switch"),
    "removing": _("clearing the card's result"),
    "done": _("done"),
    "waiting": _("waiting for its country"),
    "ordered": _("ordered"),
    "authenticating": _("authenticating the server"),
    "preparing": _("authenticated"),
    "loading": _("loading"),
    "checking": _("checking the card"),
    "cancelling": _("being cancelled"),
    "installed": _("installed"),
    "enabled": _("installed and in use"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
    # Notifications
    "sending": _("being sent"),
    "sent": _("sent"),
    "withdrawn": _("withdrawn"),
    # Releases
    "running": _("running"),
    "fell back": _("rolled back"),
}
"""The label of each code; a code has the same meaning everywhere."""

_ACTORS = {
    "the agent": _("the agent"),
    "agent, again": _("the agent (retry)"),
    "control": _("SIM controls"),
    "a correction": _("a correction"),
    "the end of the trip": _("the end of the trip"),
}
"""Authors that are no persons."""
_TOKEN, _USER, _ROLL_OUT = "token ", "user ", ", roll-out "


def label(code: str) -> str:
    """Return the label of a code; a code without a label is shown as it is."""
    return LABELS.get(code, code)


def actor(who: str) -> str:
    """Return the author of a change: the agent, a token, a user or a person of this machine by name."""
    name, is_roll_out, number = who.partition(_ROLL_OUT)
    if is_roll_out:
        return _("{who}, roll-out {number}", who=actor(name), number=number)
    if who.startswith(_TOKEN):
        return _("token {name}", name=who.removeprefix(_TOKEN))
    if who.startswith(_USER):
        return who.removeprefix(_USER)
    return _ACTORS.get(who, who)
