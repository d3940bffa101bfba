"""Cases in a file of SIM controls: what each rule says to them, without a database, a device or a network.

[[case]]
name = "in another locator"
controls = "resold"
card = { iccids = ["8931440400012345678"], imei = "861234567890123" }
observed = { iccid = "8931440400012345678", imei = "860000000000000", plmn = 460000 }
broken = ["separation"]              # exactly these
"""

from typing import Any, NamedTuple

from landbridge.core.errors import UserError
from landbridge.core.typed import checked, made
from landbridge.features.sims import controls
from landbridge.features.sims.controls import Controls
from landbridge.features.sims.rules import RULES, STAGES, Card, Observed, evaluate


class Verdict(NamedTuple):
    """What came of one case."""

    name: str
    expected: tuple[str, ...]
    found: dict[str, str]
    """Why, by rule."""
    kept: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether exactly the expected rules are broken."""
        return set(self.expected) == set(self.found)


def run(text: str) -> tuple[list[Verdict], list[str]]:
    """All cases of a file, and the rules that lack a case: "<controls>: <rule> is never broken" or "... never
    kept"."""
    file = controls.read(text)
    known = controls.of_tables(file.get("controls", {}))
    verdicts: list[Verdict] = []
    observed: dict[str, list[Verdict]] = {name: [] for name in known}
    cases = file.get("case", [])
    if not isinstance(cases, list):
        raise UserError("case: write [[case]], once for each")
    for number, case in enumerate(cases, 1):
        name, verdict = _verdict(f"case {number}", case, known)
        observed[name].append(verdict)
        verdicts.append(verdict)
    lacking = [
        f"{name}: {rule} is never {what}"
        for name, demands in known.items()
        for rule in RULES
        if RULES[rule].demanded(demands)
        for what, has in (("broken", any(rule in each.found for each in observed[name])),
                          ("kept", any(rule in each.kept for each in observed[name])))
        if not has
    ]  # fmt: skip
    return verdicts, lacking


def _verdict(where: str, case: Any, known: dict[str, Controls]) -> tuple[str, Verdict]:
    if not isinstance(case, dict) or set(case) != {"name", "controls", "card", "observed", "broken"}:
        raise UserError(f"{where}: it has name, controls, card, observed and broken, no more and no less")
    name, chosen = (checked(f"{where}.{key}", str, case[key]) for key in ("name", "controls"))
    expected = checked(f"{where}.broken", tuple[str, ...], case["broken"])
    if chosen not in known:
        raise UserError(f"{where}: no controls {chosen!r}; there are {', '.join(known)}")
    unknown = set(expected) - set(RULES)
    if unknown:
        raise UserError(f"{where}: no rule {', '.join(sorted(unknown))}; there are {', '.join(RULES)}")
    card: Card = made(f"{where}.card", Card, case["card"])
    observed: Observed = made(f"{where}.observed", Observed, case["observed"])
    if card.stage not in STAGES:
        raise UserError(f"{where}.card.stage = {card.stage!r}; there are {', '.join(STAGES)}")
    if observed.plmn is not None:
        controls.network(f"{where}.observed.plmn", observed.plmn)
    results = evaluate(known[chosen], card, observed)
    found = {rule: why for rule, why in results.items() if why is not None}
    kept = tuple(rule for rule, why in results.items() if why is None)
    return chosen, Verdict(name, expected, found, kept)
