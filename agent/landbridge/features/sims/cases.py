"""Cases in a file of classes: what each rule says to them, without a database, a device or a network.

[[case]]
name = "in another locator"
class = "resold"
card = { iccids = ["8931440400012345678"], imei = "861234567890123" }
seen = { iccid = "8931440400012345678", imei = "860000000000000", plmn = 460000 }
broken = ["separation"]              # exactly these
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from landbridge.core.checked import Sentences, checked, key, name_of, one_of, strict
from landbridge.core.errors import UserError
from landbridge.features.sims import classes
from landbridge.features.sims.classes import Class
from landbridge.features.sims.rules import RULES, Card, Seen, judge


@strict
@dataclass(frozen=True)
class Case:
    """What was seen of a card of a class, and exactly those rules that it breaks."""

    name: str
    card: Card
    seen: Seen
    broken: tuple[Annotated[str, one_of(RULES)], ...]
    class_: str = key(..., alias="class")


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


def _verdict(where: str, table: Any, known: dict[str, Class]) -> tuple[str, Verdict]:
    case = checked(Case, table, Sentences(lambda keys: name_of((where, *keys))))
    if case.class_ not in known:
        raise UserError(f"{where}: no class {case.class_!r}; there are {', '.join(known)}")
    judged = judge(known[case.class_], case.card, case.seen)
    found = {rule: why for rule, why in judged.items() if why is not None}
    kept = tuple(rule for rule, why in judged.items() if why is None)
    return case.class_, Verdict(case.name, case.broken, found, kept)
