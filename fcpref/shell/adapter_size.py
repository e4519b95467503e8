"""Rank and alpha of an adapter that goes on: they stay, and who wants others is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from fcpref.errors import TrainingError
from fcpref.shell.model_names import ModelName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from fcpref.core.training import DpoSpec, GrpoSpec, SftSpec

CONFIG = "adapter_config.json"


def refuse_other_size(
    student: str, spec: SftSpec | DpoSpec | GrpoSpec, asked: Collection[str]
) -> None:
    """Refuse a rank or alpha that was asked for and is not the student's own adapter's.

    Args:
        student: by name; of one without an adapter nothing is refused, nor of one that is summed
            into weights that are trained as a whole.
        spec: how it is to be trained.
        asked: names of the settings that were asked for.

    Raises:
        TrainingError: the adapter has another size.
    """
    for setting, said in _others(student, spec):
        if f"lora.{setting}" in asked:
            raise TrainingError(
                f"{said}; leave lora.{setting}={getattr(spec.lora, setting)} out, or merge the "
                "adapter (fcpref merge) and start from the folder"
            )


def tell_other_size(
    student: str, spec: SftSpec | DpoSpec | GrpoSpec, note: Callable[[str], None]
) -> None:
    """Say where a rank or alpha that is no default is not the student's own adapter's.

    Args:
        student: as of `refuse_other_size`.
        spec: how it is to be trained; a default in it is nobody's wish.
        note: told in a line.
    """
    default = type(spec)().lora
    for setting, said in _others(student, spec):
        wished = getattr(spec.lora, setting)
        if wished != getattr(default, setting):
            note(f"{said}, not with lora.{setting} {wished}")


def _others(student: str, spec: SftSpec | DpoSpec | GrpoSpec) -> Iterator[tuple[str, str]]:
    """Yield the settings that the student's own adapter has otherwise, each with words for it."""
    name = ModelName.parse(student)
    if name.kind != "adapter" or spec.method == "full":
        return
    try:
        config = json.loads((Path(name.target).expanduser() / CONFIG).read_bytes())
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):  # which is told when the model is looked for
        return
    for setting, own in (("rank", "r"), ("alpha", "lora_alpha")):
        found = config.get(own)
        if found not in (None, getattr(spec.lora, setting)):
            yield setting, f"adapter:{name.target} has lora.{setting} {found} and goes on as it is"
