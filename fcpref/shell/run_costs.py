"""What training took, read from the log beside the artifacts: seconds are never in hashed bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from fcpref.core.report import RunCost
from fcpref.core.training import RunRecord
from fcpref.shell.model_facts import runs_behind
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

_ENDS = ("end", "stopped")


def costs_of(workspace: Workspace, model: str) -> tuple[RunCost, ...]:
    """Return what the training runs behind a model took, first to last; none for a plain model.

    Raises:
        ModelError: the model cannot be found.
        ArtifactError: the record of a run is damaged.
    """
    resolved = resolve(ModelName.parse(model), workspace.progress.note)
    return tuple(_cost(workspace, run) for run in runs_behind(workspace, resolved)[0])


def _cost(workspace: Workspace, run: Artifact) -> RunCost:
    record = run.values(RunRecord)[0]
    lines = [one for one in _log(workspace) if run.id in _made(workspace, one)]
    times = [one["seconds"] for one in lines if one.get("event") in _ENDS]
    # Memory of a GPU is logged, 0 where there is none.
    used = [one["gpu_bytes"] for one in lines if one.get("event") == "trained"]
    device: Literal["", "CPU", "GPU"] = ""
    if used:
        device = "GPU" if used[-1] else "CPU"
    return RunCost(
        rows=record.rows,
        steps=record.steps,
        seconds=round(sum(times), 1) if times else None,
        device=device,
    )


def _log(workspace: Workspace) -> Iterator[dict[str, Any]]:
    try:
        lines = (workspace.local / "logs" / "run.jsonl").read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            data = msgspec.json.decode(line)
        except msgspec.DecodeError:  # cut off by a kill
            continue
        if isinstance(data, dict):
            yield data


def _made(workspace: Workspace, line: dict[str, Any]) -> set[object]:
    """Return the ids of what the piece of work came to that a line of the log is about."""
    found = (workspace.local / "done").glob(f"{line.get('key')}*.json")
    return {workspace.entry(path.stem).get("id") for path in found}
