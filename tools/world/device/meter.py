"""The energy meter: charges each part for the time it spends in each state.

It knows nothing of what the firmware says it did. Powers are watts at the battery, and charge is
counted at its nominal 3.6 V.
[S] read in a source, [M] from memory, [C] chosen so that known totals come out; a bench
measurement replaces them.
"""

from __future__ import annotations

import simpy

NOMINAL_V = 3.6

ESP32_W = {
    "off": 0.0,
    "light": 0.0036,  # 1 mA, whole board [S Walter]
    # ESP32 data sheet, modem sleep: 27 to 44 mA at 160 MHz, 20 to 31 mA at 80; the least where the CPU waits
    # for an interrupt, the most where it computes [S].
    "wait": 0.072,  # at 80 MHz, the clock while the modem is on
    "active": 0.158,
    "active-80": 0.112,
}
SLEEP_FLOOR_W = {"bg95": 216e-6, "sim7600": 300e-6}
"""The whole board in deep sleep, its converter and divider included [M]."""

MODEM_W = {
    "bg95": {
        "off": 25e-6,  # 7 uA [S SIM7000]
        "boot": 0.110,  # 30 mA [C]
        "psm": 14e-6,  # 3.9 uA [M]
        "sleep": 0.0043,  # 1.2 mA [S SIM7000]
        "idle": 0.090,  # 25 mA: BG770A with PSM off 22-27 mA [S Seeed]
        "search": 0.208,  # 25 J in 120 s without service [S]
        "connected": 0.125,  # 35 mA: BG770A attach 31-35 mA [S Seeed]
        "tx": 0.790,  # 220 mA [M]
        "tx-gsm": 1.520,  # four slots: 422 mA on average [S SIM7000]
    },
    "sim7600": {
        "off": 72e-6,  # 20 uA [S A7670]
        "boot": 0.400,  # [C]
        "psm": 72e-6,
        "sleep": 0.0086,  # 2.4 mA [M]
        "idle": 0.065,  # 18 mA [M]
        "search": 0.500,  # 60 J in 120 s without service [S]
        "connected": 0.530,  # 17 J in 32 s [S Wio LTE]
        "tx": 2.100,  # 585 mA: SIM7600 560-610 mA [M]
    },
}

GNSS_W = {
    # On top of the idle baseband, so that searching costs 0.20 and 0.30 W in all [M].
    "bg95": {"off": 0.0, "search": 0.110, "track": 0.080},
    "sim7600": {"off": 0.0, "search": 0.235, "track": 0.200},
}

RADIO_ON = ("search", "connected", "tx", "tx-gsm")
"""States of the modem in which the radio works, for registering or for traffic."""

PEAK_A = {"bg95": {"tx": 0.5, "tx-gsm": 1.8}, "sim7600": {"tx": 2.0}}
"""In the pulses of transmitting: BG95 500 mA, on GSM 1.7 to 2 A [M]; 2 A from the supply of a SIM7600 [S]."""


class Meter:
    """Joules by part ("esp32", "modem", "gnss") and state."""

    def __init__(self, env: simpy.Environment, modem: str) -> None:
        self._env = env
        self._powers_w = {
            "esp32": {**ESP32_W, "sleep": SLEEP_FLOOR_W[modem]},
            "modem": MODEM_W[modem],
            "gnss": GNSS_W[modem],
        }
        self._peaks_a = PEAK_A[modem]
        self._states = dict.fromkeys(self._powers_w, "off")
        self._joules: dict[tuple[str, str], float] = {}
        self._since_ms = dict.fromkeys(self._powers_w, 0)
        self._together_ms: dict[tuple[str, str], int] = {}
        self._together_since_ms = 0
        self._load_w = self._sum_w()
        self._total_j = 0.0
        self._total_ms = 0

    def state(self, part: str, state: str) -> None:
        """`part` is in `state` from now on. Raises KeyError for one that has no power."""
        if self._states[part] != state:
            self._powers_w[part][state]
            self._account(part)
            self._account_together()
            self._states[part] = state
            self._load_w = self._sum_w()

    def peak_a(self) -> float:
        """Amperes that flow now in the worst moment: while sending, in the pulses."""
        state = self._states["modem"]
        if state not in self._peaks_a:
            return self._load_w / NOMINAL_V
        return (self._load_w - self._powers_w["modem"][state]) / NOMINAL_V + self._peaks_a[state]

    def state_of(self, part: str) -> str:
        """The state that a part is in."""
        return self._states[part]

    def radio_on_ms(self, while_computing: bool = False) -> int:
        """How long the modem's radio has worked up to now, at all or while the ESP32 computed."""
        self._account_together()
        return sum(
            state_ms
            for (board, modem), state_ms in self._together_ms.items()
            if modem in RADIO_ON and (not while_computing or board.startswith("active"))
        )

    def joules_by_state(self) -> dict[tuple[str, str], float]:
        """Joules up to now by (part, state)."""
        for part in self._states:
            self._account(part)
        return dict(self._joules)

    def joules_by_part(self) -> dict[str, float]:
        """Joules up to now by part."""
        joules = dict.fromkeys(self._states, 0.0)
        for (part, _), part_j in self.joules_by_state().items():
            joules[part] += part_j
        return joules

    def total_j(self) -> float:
        """Joules up to now."""
        return self._total_j + self._load_w * (int(self._env.now) - self._total_ms) / 1_000

    def _sum_w(self) -> float:
        return sum(self._powers_w[part][state] for part, state in self._states.items())

    def _account_together(self) -> None:
        """Count the time that board and modem have been in their states together."""
        now_ms = int(self._env.now)
        states = self._states["esp32"], self._states["modem"]
        state_ms = now_ms - self._together_since_ms
        self._together_ms[states] = self._together_ms.get(states, 0) + state_ms
        self._together_since_ms = now_ms

    def _account(self, part: str) -> None:
        """Charge the state that a part has been in."""
        now_ms = int(self._env.now)
        self._total_j, self._total_ms = self.total_j(), now_ms
        state = self._states[part]
        drawn_j = self._powers_w[part][state] * (now_ms - self._since_ms[part]) / 1_000
        self._joules[part, state] = self._joules.get((part, state), 0.0) + drawn_j
        self._since_ms[part] = now_ms
