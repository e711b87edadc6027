"""The file of a plan: schema ``bnnplan.plan``, and how older versions become the newest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnnplan.models.files import Migrations, converter, read_json, structure, write_json
from bnnplan.planner.plan import Plan

SCHEMA = "bnnplan.plan"
VERSION = 4


def _from_2(content: dict[str, Any]) -> dict[str, Any]:
    """Latency was the only objective, and no plan was a pipeline."""
    objective = content.pop("objective")
    proof = content["proof"]
    latency, bound = proof.pop("objective_ns"), proof.pop("bound_ns")
    known = [row.get("predicted_bytes") for row in content.get("memory", [])]
    memory = sum(known) if known and None not in known else None
    baselines = []
    for row in content.get("baselines", []):
        alone = row.pop("predicted_ns")
        baselines.append({**row, "predicted": None if alone is None else _latency(alone)})
    return {
        **content,
        "request": {"objectives": [objective]},
        "predicted": {**_latency(latency), "memory_bytes": memory},
        "proof": {
            **proof,
            "objectives": [{"measure": objective, "value": latency, "bound": bound}],
        },
        "baselines": baselines,
    }


def _latency(latency: int) -> dict[str, Any]:
    return {"latency_ns": latency, "alone_ns": latency}


MIGRATIONS: Migrations = {1: lambda content: content, 2: _from_2, 3: lambda content: content}
"""Version 2 added memory[], and what version 2 of a board added; version 4 replicas[] and pipeline.
All of it may be missing."""


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan as plain data, without schema and version."""
    document: dict[str, Any] = converter().unstructure(plan)
    return document


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan file."""
    write_json(path, SCHEMA, VERSION, plan_document(plan))


def load_plan(path: Path) -> Plan:
    """Read a plan file; FileError with file, field and reason where that is impossible."""
    plan: Plan = structure(read_json(path, SCHEMA, VERSION, MIGRATIONS), Plan, path)
    return plan
