"""``bnnplan backends``: what is installed, and whether it keeps the contract."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated

import typer

from bnnplan.backends.interface import DeviceError
from bnnplan.backends.registry import GROUP, devices_of, get_backend, load_backends
from bnnplan.planner.cli.common import Json, console, print_json, progress_bar, table

app = typer.Typer(help="List backends, or check one.", invoke_without_command=True)


@app.callback()
def backends(context: typer.Context, json: Json = False) -> None:
    """List the installed backends, with the reason where one cannot be used."""
    if context.invoked_subcommand is not None:
        return
    found = load_backends()
    listed = {name: devices_of(backend) for name, backend in found.usable.items()}
    if json:
        print_json(
            "bnnplan.backends",
            {
                "backends": [
                    {
                        "name": name,
                        "devices": [device.name for device in usable],
                        "unavailable": [f"{m.name}: {m.reason}" for m in missing],
                    }
                    for name, (usable, missing) in listed.items()
                ],
                "broken": [{"name": b.name, "reason": b.reason} for b in found.broken],
            },
        )
        return
    rows = table("backend", "devices", "cannot be used", left=3)
    for name, (usable, missing) in listed.items():
        reasons = "; ".join(f"{m.name}: {m.reason}" for m in missing)
        rows.add_row(name, ", ".join(device.name for device in usable) or "none", reasons)
    for broken in found.broken:
        rows.add_row(broken.name, "none", broken.reason)
    console.print(rows)


def _complete_backend(incomplete: str) -> list[str]:
    """Names that a shell completes to."""
    return [entry.name for entry in entry_points(group=GROUP) if entry.name.startswith(incomplete)]


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(help="A backend that is installed.", autocompletion=_complete_backend)
    ],
    examples: Annotated[int, typer.Option(min=1, help="Examples a law.")] = 200,
    json: Json = False,
) -> None:
    """Run the conformance kit on a backend."""
    usable, missing = devices_of(get_backend(name))
    # Only now: the kit needs hypothesis, and an unknown name should be told first.
    from bnnplan.backends.conformance import check_backend

    if not usable:
        reasons = "; ".join(f"{lost.name}: {lost.reason}" for lost in missing) or "it names none"
        raise DeviceError(f"backend {name!r} has no device here to check: {reasons}")
    with progress_bar(f"checking {name}", enabled=not json) as progress:
        report = check_backend(name, examples=examples, progress=progress)
    if json:
        print_json("bnnplan.conformance", report.as_dict())
    else:
        rows = table("law", "layer", "result", "examples", left=3)
        for row in report.rows:
            rows.add_row(row.law, row.kind, row.result, str(row.examples))
        console.print(rows)
        for row in report.rows:
            if row.failure:
                console.print(f"{row.law}, {row.kind}: {row.failure}")
    if not report.passed:
        raise typer.Exit(1)
