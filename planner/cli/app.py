"""The application: its commands, and the options that stand before them."""

from __future__ import annotations

from typing import Annotated

import typer

from bnnplan.planner.cli import (
    backends,
    boards,
    characterize,
    compare,
    devices,
    diff,
    evaluate,
    explain,
    importing,
    inspect,
    predict,
    profile,
    run,
    simulate,
    solve,
)

app = typer.Typer(
    name="bnnplan",
    help="Measure, plan and run binarized neural networks on real boards, with proofs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from bnnplan.planner.version import bnnplan_version

        typer.echo(f"bnnplan {bnnplan_version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks instead of one line.")
    ] = False,
) -> None:
    """Measure, plan and run binarized neural networks on real boards, with proofs."""


app.command("devices")(devices.devices)
app.command("boards")(boards.boards)
app.command("import")(importing.import_network)
app.command("inspect")(inspect.inspect)
app.command("profile")(profile.profile)
app.command("characterize")(characterize.characterize)
app.command("predict")(predict.predict)
app.command("solve")(solve.solve)
app.command("run")(run.run)
app.command("simulate")(simulate.simulate)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("explain")(explain.explain)
app.command("diff")(diff.diff)
app.add_typer(backends.app, name="backends")
