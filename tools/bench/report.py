"""The report of a run as Markdown and as JSON."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.bench.live import place, summary
from tools.bench.run import Outcome, Result
from tools.bench.steps import STEPS
from tools.bench.transcript import Request


def write(folder: Path, request: Request, outcome: Outcome, energy: dict[str, Any] | None) -> None:
    """Write report.md and report.json into `folder`, and energy.json when power was measured."""
    content = as_json(request, outcome)
    (folder / "report.json").write_text(json.dumps(content, indent=2) + "\n")
    (folder / "report.md").write_text(as_markdown(request, outcome, energy))
    if energy:
        (folder / "energy.json").write_text(json.dumps(energy, indent=2) + "\n")


def as_json(request: Request, outcome: Outcome) -> dict[str, Any]:
    """Everything found, times in seconds or milliseconds as the names say."""
    run = {name: value for name, value in asdict(request).items() if name not in ("ca", "password")}
    return {
        "run": {**run, "model": model(outcome)},
        "ok": outcome.bad is None and not outcome.interrupted and outcome.as_found,
        "interrupted": outcome.interrupted,
        "steps": [{**asdict(one), "seconds": one.seconds} for one in outcome.results],
        "seconds_by_step": {step: spread(times) for step, times in _times(outcome).items()},
        "restored": outcome.restored.back,
        "not_restored": {
            **outcome.restored.not_back,
            **dict.fromkeys(outcome.unkept, "its previous value is unknown"),
        },
    }


def as_markdown(request: Request, outcome: Outcome, energy: dict[str, Any] | None) -> str:
    """The same for people."""
    lines = [f"# {model(outcome)} on the bench", ""]
    lines += [f"{request.began_utc}, {request.port} at {request.baud} baud, driver {request.modem}, ", ""]
    lines[-2] += f"{request.repeat} round{'s' if request.repeat > 1 else ''}."
    lines += ["| round | step | | seconds | found |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.round} | {one.step} | {one.state} | {one.seconds:.1f} | {_cell(summary(one))} |"
        for one in outcome.results
    ]
    lines += ["", *_operators(outcome.results), *_spread(outcome), *_joules(energy), *_settings(outcome)]
    return "\n".join(lines).rstrip() + "\n"


def model(outcome: Outcome) -> str:
    """As the modem has reported it."""
    return next((str(one.found["model"]) for one in outcome.results if "model" in one.found), "A modem")


def spread(values: list[float]) -> dict[str, float | int]:
    """Count, mean and standard deviation (0 for a single value)."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"n": len(values), "mean": _digits(statistics.fmean(values)), "sd": _digits(deviation)}


def _digits(value: float) -> float:
    """Six significant ones: the same table has microwatts and hundreds of joules."""
    return float(f"{value:.6g}")


def _times(outcome: Outcome) -> dict[str, list[float]]:
    times = {
        step: [one.seconds for one in outcome.results if (one.step, one.state) == (step, "ok")]
        for step in STEPS
    }
    return {step: values for step, values in times.items() if values}


def _operators(results: list[Result]) -> list[str]:
    rows = [
        f"| {one.round} | {network['name']} | {network['plmn']} | {', '.join(network['heard_on'])} "
        f"| {network.get('band', '')} | {network.get('rsrq_db', '')} | {_neighbours(network)} "
        f"| {place(network)} |"
        for one in results
        for network in one.found.get("networks", [])
    ]
    return (
        [
            "## Operators",
            "",
            "| round | name | MCC MNC | heard on | band | RSRQ, dB | neighbours | |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
        if rows
        else []
    )


def _neighbours(network: dict[str, Any]) -> str:
    """How many, and the level of the best."""
    cells = network.get("neighbours") or []
    return f"{len(cells)}, best {max(cell['level_dbm'] for cell in cells)} dBm" if cells else ""


def _spread(outcome: Outcome) -> list[str]:
    times = _times(outcome)
    if all(len(values) < 2 for values in times.values()):
        return []
    rows = [
        f"| {step} | {one['n']} | {one['mean']:.1f} | {one['sd']:.1f} |"
        for step, one in ((step, spread(values)) for step, values in times.items())
    ]
    return ["## Seconds by step", "", "| step | rounds | mean | sd |", "|---|---|---|---|", *rows, ""]


def _joules(energy: dict[str, Any] | None) -> list[str]:
    if not energy:
        return []
    rows = [
        f"| {name} | {one['joules']['n']} | {one['joules']['mean']:.3f} | {one['joules']['sd']:.3f} "
        f"| {one['watts']['mean']:.4f} | {one['watts']['sd']:.4f} |"
        for name, one in energy["phases"].items()
    ]
    head = ["| step | rounds | J, mean | sd | W, mean | sd |", "|---|---|---|---|---|---|"]
    aligned = energy["aligned"]
    words = f"Profile {aligned['file']}, its zero {aligned['offset_s']:.2f} s after that of the transcript; "
    words += f"the phases explain {aligned['explained']:.0%} of the variance of the power."
    return ["## Energy", "", words, "", *head, *rows, ""]


def _settings(outcome: Outcome) -> list[str]:
    restored, lines = outcome.restored, ["## The modem's settings", ""]
    if outcome.as_found:
        lines += ["The modem is as it was found. Put back:", ""]
    else:
        lines += ["**The modem is not as it was found.**", ""]
        lines += [f"- not put back: {name}: {why}" for name, why in restored.not_back.items()]
        lines += [f"- not put back: {command}: its previous value is unknown" for command in outcome.unkept]
    return lines + [f"- {name}: {_cell(value)}" for name, value in restored.back.items()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
