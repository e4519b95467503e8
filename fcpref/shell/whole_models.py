"""Training of all weights: the model that it begins with, and the folder that it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fcpref.core.canon import content_id
from fcpref.shell import sharding
from fcpref.shell.model_names import ModelName, ResolvedModel
from fcpref.shell.models import load_model
from fcpref.shell.store import file_hash

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDERS = {"lora": "adapters", "full": "models"}
"""Where what a method leaves goes, under ``local``."""

_ADAPTER = "adapter_model.safetensors"
_MARK = "fcpref.json"


def place_of(local: Path, spec: Mapping[str, Any], name: str) -> Path:
    """Return the folder of what a run leaves.

    Args:
        local: the workspace's own folder.
        spec: of the run, as plain data.
        name: of the folder.
    """
    return local / FOLDERS[str(spec.get("method", "lora"))] / name


def name_of(folder: Path, start: str = "") -> str:
    """Return the model's name of what a run has left.

    Args:
        folder: an adapter's or a whole model's.
        start: the name of what training started from; an adapter goes on the whole model of it.
            Empty where the adapter's folder may say it.
    """
    if is_whole(folder):
        return f"path:{folder}"
    name = ModelName.parse(start) if start else None
    return f"adapter:{folder}" + (f"@{name.base or name}" if name else "")


def is_whole(folder: Path) -> bool:
    """Tell whether a folder holds a model that was trained here as a whole."""
    try:
        mark = json.loads((folder / _MARK).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and "trained" in mark


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of an adapter's or a model's weights file; empty where there is none.

    Of weights in several files it is that of their names and hashes.
    """
    if (folder / _ADAPTER).is_file():
        return file_hash(folder / _ADAPTER)
    files = sorted(folder.glob("*.safetensors"))
    if len(files) > 1:
        parts = {path.name: file_hash(path) for path in files}
        return content_id(parts).removeprefix("sha256:")
    return file_hash(files[0]) if files else ""


def whole_model(student: ResolvedModel, device: str = "auto") -> Any:  # noqa: ANN401
    """Load a student with all weights in float32 and to be trained, an adapter summed into them."""
    model: Any = load_model(student, dtype="float32", device=device, trainable=True)
    if student.adapter is not None:
        model = model.merge_and_unload()
    return model.requires_grad_(requires_grad=True)


def filled(student: ResolvedModel, weights: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Load a student in host memory with other weights than its own.

    Args:
        student: what was trained.
        weights: all of them, by parameter.
    """
    import torch

    sharding.end()
    model = whole_model(student, "cpu")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    return model


def save_whole(model: Any, student: ResolvedModel, out: Path, template: str = "") -> str:  # noqa: ANN401
    """Write a trained model as a plain folder in bfloat16, and return the hash of its weights.

    Args:
        model: the trained one; it is rounded in place.
        student: what it was trained from.
        out: the folder.
        template: the chat template that it was trained with, where the student's is another.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    import torch

    from fcpref.shell.merging import write_model

    mark = {"trained": student.name, "revision": student.revision}
    write_model(out, model.to(torch.bfloat16), student.folder, mark, template=template or None)
    return weights_hash(out)
