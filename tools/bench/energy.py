"""Joules by step: the power profile matched with the phases of the transcript."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tools.bench import BenchError
from tools.bench.power import Profile
from tools.bench.report import spread
from tools.bench.run import Result
from tools.bench.transcript import Request

COARSE_S, FINE_S = 0.25, 0.02
UNIX_S = 1e9
"""Times from here on are Unix time."""
LEAST_EXPLAINED = 0.2
ABOUT_CONSTANT = 1e-9


class Span(NamedTuple):
    """A phase of a step, in seconds of the transcript; `name` is step/phase, or the step alone."""

    name: str
    round: int
    begin_s: float
    end_s: float


CONSTANTS = {
    "attach/search": ("attach_j", "joules"),
    "attach/idle": ("idle_w", "watts"),
    "survey/scan": ("scan_w", "watts"),
    "gnss/cold": ("gnss_search_w", "watts"),
    "gnss/track": ("gnss_track_w", "watts"),
    "mqtt": ("upload_j", "joules"),
    "sleep/asleep": ("sleep_w", "watts"),
    "edrx/idle": ("edrx_w", "watts"),
    "park/psm": ("psm_w", "watts"),
    "park/off": ("off_w", "watts"),
    "resume": ("resumed_upload_j", "joules"),
    "attach/radio off": ("radio_off_w", "watts"),
}
"""Phase -> the constant that it measures. `upload_j`: a message there and back, with handshake and tail;
`resumed_upload_j`: the same from the power key on."""


def measure(profile: Profile, request: Request, results: Sequence[Result]) -> dict[str, Any]:
    """The contents of energy.json: joules, watts, seconds by phase with count, mean and sd; the constants."""
    spans = [span for result in results if result.state == "ok" for span in _phases(result)]
    if not spans:
        raise BenchError(
            f"{profile.file}: the transcript has no step that ended well: nothing to assign power to"
        )
    offset_s, explained = align(profile, request.began_utc, spans)
    steps = [
        Span(one.step, one.round, one.begin_ms / 1000, one.end_ms / 1000)
        for one in results
        if one.state == "ok"
    ]
    named = [span for span in spans if "/" in span.name] + steps
    measured = [span for span in named if is_covered(profile, span, offset_s) and span.end_s > span.begin_s]
    if not measured:
        raise BenchError(f"{profile.file}: it covers no step of the transcript from begin to end")
    phases = {
        name: _figures(profile, measured, name, offset_s) for name in dict.fromkeys(s.name for s in measured)
    }
    return {
        "modem": request.modem,
        "began_utc": request.began_utc,
        "aligned": {"file": profile.file, "offset_s": round(offset_s, 3), "explained": round(explained, 4)},
        "phases": phases,
        "constants": {
            constant: phases[name][figure] for name, (constant, figure) in CONSTANTS.items() if name in phases
        },
    }


def _phases(result: Result) -> list[Span]:
    return [
        Span(f"{result.step}/{one.name}".rstrip("/"), result.round, one.begin_ms / 1000, one.end_ms / 1000)
        for one in result.phases
    ]


def _figures(profile: Profile, spans: list[Span], name: str, offset_s: float) -> dict[str, Any]:
    """A phase that occurs several times in a round, such as a selection, counts each time."""
    mine = [span for span in spans if span.name == name]
    seconds = [span.end_s - span.begin_s for span in mine]
    joules = [profile.joules(span.begin_s + offset_s, span.end_s + offset_s) for span in mine]
    watts = [j / s for j, s in zip(joules, seconds, strict=True)]
    return {"joules": spread(joules), "watts": spread(watts), "seconds": spread(seconds)}


def is_covered(profile: Profile, span: Span, offset_s: float) -> bool:
    """Whether the recording has all of the phase."""
    return profile.begin_s <= span.begin_s + offset_s and span.end_s + offset_s <= profile.end_s


def align(profile: Profile, began_utc: str, spans: list[Span]) -> tuple[float, float]:
    """(what is added to times of the transcript to get times of the profile, fraction of variance explained).

    `began_utc` is the zero of the transcript, in ISO 8601. Profiles in Unix time are placed by the clock.
    Others have no common zero with the transcript: the place is taken at which the mean powers of the phases
    differ most, that is, explain most of the variance.
    """
    if profile.begin_s >= UNIX_S:
        offset_s = datetime.fromisoformat(began_utc).timestamp()
        return offset_s, _Fit(profile, spans).explained(offset_s)
    fit = _Fit(profile, spans)
    first = profile.begin_s - spans[0].begin_s - (spans[-1].end_s - spans[0].begin_s) / 2
    last = profile.end_s - spans[-1].end_s + (spans[-1].end_s - spans[0].begin_s) / 2
    best = _best(fit, first, last, COARSE_S)
    best = _best(fit, best - COARSE_S, best + COARSE_S, FINE_S)
    explained = fit.explained(best)
    if explained < LEAST_EXPLAINED:
        raise BenchError(
            f"{profile.file}: does not fit the transcript ({explained:.0%} of its variance explained): "
            "is it the recording of this run?"
        )
    return best, explained


def _best(fit: _Fit, first_s: float, last_s: float, step_s: float) -> float:
    count = max(1, round((last_s - first_s) / step_s))
    return max((first_s + i * step_s for i in range(count + 1)), key=fit.score)


class _Fit:
    """How well the phases, shifted, tell the powers of a profile apart."""

    def __init__(self, profile: Profile, spans: list[Span]) -> None:
        self._profile = profile
        self._spans = spans
        span_s = profile.end_s - profile.begin_s
        self._mean_w = profile.joules(profile.begin_s, profile.end_s) / span_s
        self._variance = profile.variance()

    def score(self, offset_s: float) -> float:
        """Sum over the phases, as far as covered, of duration times squared deviation of the mean."""
        total = 0.0
        for span in self._spans:
            begin = max(self._profile.begin_s, span.begin_s + offset_s)
            end = min(self._profile.end_s, span.end_s + offset_s)
            if end > begin:
                mean = self._profile.joules(begin, end) / (end - begin)
                total += (end - begin) * (mean - self._mean_w) ** 2
        return total

    def explained(self, offset_s: float) -> float:
        """As a fraction, 1 where the power does not vary."""
        if self._variance <= ABOUT_CONSTANT * self._mean_w**2:
            return 1.0
        return self.score(offset_s) / (self._variance * (self._profile.end_s - self._profile.begin_s))
