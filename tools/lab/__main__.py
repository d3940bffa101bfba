"""`python -m tools.lab` compares all policies; `tune` and `train` find their parameters again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.lab.compare import evaluate, summary
from tools.lab.experiments import SETTINGS, TRACE, Job, evaluation_trips, spread
from tools.lab.report import show, write_json
from tools.lab.routes import TRAINING, FileError, read_route
from tools.lab.traces import read_trace
from tools.modem.registry import Dialect

OUT = Path("out/lab")
FIGURES, CHECKED = Path("out/lab.json"), Path("out/lab-check.json")
TRAINED_IN = {"bg95": ("BG95", "BG95, position reused"), "sim7600": ("SIM7600", "SIM7600, position reused")}
"""The settings in which the pacing table of each class of modem is trained."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.callback(invoke_without_command=True)
def report(
    context: typer.Context,
    trips: Annotated[int, typer.Option(min=1, help="on either known route and on routes drawn")] = 18,
    setting: Annotated[list[str] | None, typer.Option(help="only these settings")] = None,
    route: Annotated[Path | None, typer.Option(help="CSV: name,country,lat,lon,kind")] = None,
    trace: Annotated[Path | None, typer.Option(help="CSV: time,lat,lon,operator,RSRP")] = None,
    processes: Annotated[int | None, typer.Option(help="default: all cores")] = None,
) -> None:
    """Compare every policy on trips that no parameter has seen; out/lab.json, out/lab/report.html."""
    if context.invoked_subcommand:
        return
    chosen = [each for each in SETTINGS if not setting or each.name in setting]
    if not chosen:
        raise typer.BadParameter(f"settings are {', '.join(each.name for each in SETTINGS)}")
    evaluated = evaluation_trips(trips)
    try:
        if route:
            read_route(route)
            evaluated = [(str(route), seed) for seed in range(1, trips + 1)]
        if trace:
            read_trace(trace)
            evaluated = [(f"{TRACE}{trace}", 0)]
    except FileError as error:
        Console(stderr=True).print(f"[red]{error}[/red]", highlight=False)
        raise typer.Exit(2) from None
    jobs = [Job(each, *trip) for each in chosen for trip in evaluated[:: each.every]]
    rows = summary([record for found in spread(evaluate, jobs, "evaluating", processes) for record in found])
    missed = show(console, chosen, rows)
    write_json(FIGURES, rows, missed)
    from tools.lab.pictures import write_report

    write_report(OUT / "report.html", chosen, rows, missed, *evaluated[0])
    console.print(f"{OUT / 'report.html'}, {FIGURES}")
    if missed:
        raise typer.Exit(1)


@app.command()
def tune(setting: list[str] | None = None, processes: int | None = None) -> None:
    """Tune every baseline for every budget, in all settings or in these; takes some minutes."""
    from tools.lab.tune import tune as tune_all

    tune_all(setting, processes)


@app.command()
def explain() -> None:
    """Print the decision table of the device and write it to docs/reference/decision-table.md."""
    from tools.lab.explain import markdown, update

    update()
    print(markdown(), end="")


@app.command()
def battery_life() -> None:
    """Print how long batteries last by budget and temperature, and write it to
    docs/reference/battery-life.md."""
    from tools.lab.battery_life import markdown, update

    update()
    print(markdown(), end="")


@app.command()
def train(passes: int = 1, processes: int | None = None) -> None:
    """Train the pacing tables on either training route and on both, starting from the present ones."""
    from tools.lab.plan import pacing
    from tools.lab.train import train as train_one
    from tools.lab.train import write

    settings = {each.name: each for each in SETTINGS}
    tables = {
        modem: {
            training: train_one([settings[name] for name in names], training, passes, processes)
            for training in (*TRAINING, "both")
        }
        for modem, names in TRAINED_IN.items()
    }
    write(tables, pacing.CARRIES_J)


@app.command()
def stress(held_out: bool = False, processes: int | None = None) -> None:
    """Run the stress suite, or that in the held-out world; out/lab-stress.json, out/lab-held-out.json."""
    from tools.lab.rows import evaluate as evaluate_rows

    name = "held-out" if held_out else "stress"
    if not evaluate_rows(processes, Path(f"out/lab-{name}.json"), console, held_out):
        raise typer.Exit(1)


@app.command()
def digest(environments: int = 3, processes: int | None = None) -> None:
    """Measure the value of coverage data from five earlier trips; out/lab-digest.json."""
    from tools.lab.digest import experiment

    if not experiment(environments, processes, console):
        raise typer.Exit(1)


@app.command()
def check(
    modem: Dialect = "bg95",
    days: int = 45,
    rate: Annotated[int, typer.Option(help="joules a day")] = 100,
    trips: int = 5,
) -> None:
    """Compare the lab with the full world on the same trips, a few minutes a trip; out/lab-check.json."""
    from tools.lab.check import check as check_all

    seeds = list(range(1, trips + 1))
    raise typer.Exit(check_all(OUT / "world", CHECKED, modem, days, rate, seeds, console))


if __name__ == "__main__":
    app()
