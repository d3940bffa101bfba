"""Cases in a file of classes: what each rule says to them, without a database, a device or a network.

[[case]]
name = "in another locator"
class = "resold"
card = { iccids = ["8931440400012345678"], imei = "861234567890123" }
seen = { iccid = "8931440400012345678", imei = "860000000000000", plmn = 460000 }
broken = ["separation"]              # exactly these
"""

from typing import Any, NamedTuple

from landbridge.core.errors import UserError
from landbridge.core.typed import checked, made
from landbridge.features.sims import classes
from landbridge.features.sims.classes import Class
from landbridge.features.sims.rules import RULES, STAGES, Card, Seen, judge


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
    """All cases of a file, and the rules that lack a case: "<class>: <rule> is never broken" or "... never
    kept"."""
    file = classes.read(text)
    known = classes.of_tables(file.get("class", {}))
    verdicts: list[Verdict] = []
    seen: dict[str, list[Verdict]] = {name: [] for name in known}
    cases = file.get("case", [])
    if not isinstance(cases, list):
        raise UserError("case: write [[case]], once for each")
    for number, case in enumerate(cases, 1):
        name, verdict = _verdict(f"case {number}", case, known)
        seen[name].append(verdict)
        verdicts.append(verdict)
    lacking = [
        f"{name}: {rule} is never {what}"
        for name, demands in known.items()
        for rule in RULES
        if RULES[rule].demanded(demands)
        for what, has in (("broken", any(rule in each.found for each in seen[name])),
                          ("kept", any(rule in each.kept for each in seen[name])))
        if not has
    ]  # fmt: skip
    return verdicts, lacking


def _verdict(where: str, case: Any, known: dict[str, Class]) -> tuple[str, Verdict]:
    if not isinstance(case, dict) or set(case) != {"name", "class", "card", "seen", "broken"}:
        raise UserError(f"{where}: it has name, class, card, seen and broken, no more and no less")
    name, class_ = (checked(f"{where}.{key}", str, case[key]) for key in ("name", "class"))
    expected = checked(f"{where}.broken", tuple[str, ...], case["broken"])
    if class_ not in known:
        raise UserError(f"{where}: no class {class_!r}; there are {', '.join(known)}")
    unknown = set(expected) - set(RULES)
    if unknown:
        raise UserError(f"{where}: no rule {', '.join(sorted(unknown))}; there are {', '.join(RULES)}")
    card: Card = made(f"{where}.card", Card, case["card"])
    seen: Seen = made(f"{where}.seen", Seen, case["seen"])
    if card.stage not in STAGES:
        raise UserError(f"{where}.card.stage = {card.stage!r}; there are {', '.join(STAGES)}")
    if seen.plmn is not None:
        classes.network(f"{where}.seen.plmn", seen.plmn)
    judged = judge(known[class_], card, seen)
    found = {rule: why for rule, why in judged.items() if why is not None}
    kept = tuple(rule for rule, why in judged.items() if why is None)
    return class_, Verdict(name, expected, found, kept)
