"""Test cases in a file of SIM controls: the result of each rule, without a database, a device or a network.

[[case]]
name = "in another tracker"
controls = "resold"
card = { iccids = ["8931440400012345678"], imei = "861234567890123" }
observed = { iccid = "8931440400012345678", imei = "860000000000000", plmn = 460000 }
broken = ["separation"]              # exactly these
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from landbridge.core.checked import Sentences, checked, name_of, one_of, strict
from landbridge.core.errors import UserError
from landbridge.features.sims import controls
from landbridge.features.sims.controls import Controls
from landbridge.features.sims.rules import RULES, Card, Observed, evaluate


@strict
@dataclass(frozen=True)
class Case:
    """Observations of a card under controls, and exactly those rules that they break."""

    name: str
    card: Card
    observed: Observed
    broken: tuple[Annotated[str, one_of(RULES)], ...]
    controls: str


class Verdict(NamedTuple):
    """The result of a case."""

    name: str
    expected: tuple[str, ...]
    found: dict[str, str]
    """Reasons, by rule."""
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


def _verdict(where: str, table: Any, known: dict[str, Controls]) -> tuple[str, Verdict]:
    case = checked(Case, table, Sentences(lambda keys: name_of((where, *keys))))
    if case.controls not in known:
        raise UserError(f"{where}: no controls {case.controls!r}; choose from {', '.join(known)}")
    results = evaluate(known[case.controls], case.card, case.observed)
    found = {rule: why for rule, why in results.items() if why is not None}
    kept = tuple(rule for rule, why in results.items() if why is None)
    return case.controls, Verdict(case.name, case.broken, found, kept)
