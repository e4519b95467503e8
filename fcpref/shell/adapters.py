"""The student as it is trained, all of it or an adapter, and the adapter as it is saved."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcpref.errors import ArtifactError, TrainingError
from fcpref.shell import processes, sharding
from fcpref.shell.adapter_size import CONFIG
from fcpref.shell.model_names import ModelName, ResolvedModel
from fcpref.shell.models import load_model, loaded_dtype, on_gpu
from fcpref.shell.resolving import TEMPLATE
from fcpref.shell.store import file_hash
from fcpref.shell.whole_models import whole_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.training import DpoSpec, GrpoSpec, LoraSpec, SftSpec

WEIGHTS = "adapter_model.safetensors"
_MAGNITUDE = "lora_magnitude_vector"


def base_of(model: Any) -> Any:  # noqa: ANN401
    """Return the model inside of PEFT's wrapper; its adapter stays active."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def to_train(student: ResolvedModel, spec: SftSpec | DpoSpec | GrpoSpec) -> Any:  # noqa: ANN401
    """Load the student for training: all of it, its own adapter, or a fresh one on the base.

    Raises:
        TrainingError: the first layer to train is beyond the model's, or the student's own adapter
            is not of the kind that is asked for.
        ModelError: the student cannot be loaded.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    sharding.check(spec)
    processes.take_device()
    lora = spec.lora
    torch.manual_seed(spec.seed)
    # What is shared out among GPUs goes there in shares.
    device = "cpu" if sharding.kind() else "auto"
    if spec.method == "full":
        return whole_model(student, device)
    if student.adapter is not None:
        _refuse_other_kind(student.name, student.adapter, lora)
    quantised = lora.quantised == "nf4"
    dtype = loaded_dtype(spec.dtype, "cuda" if on_gpu() else "cpu")
    model = load_model(student, dtype=dtype, device=device, trainable=True, quantised=quantised)
    layers = model.config.num_hidden_layers
    if lora.first_layer >= layers:
        raise TrainingError(
            f"first_layer {lora.first_layer} is beyond the model's {layers} layers, which are "
            "counted from 0; set lora.first_layer lower"
        )
    if student.adapter is not None:
        return _frozen_below(model, lora.first_layer)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,
        use_rslora=lora.rank_stabilised,
        use_dora=lora.dora,
        target_modules=_linear_layers(model),
        layers_to_transform=list(range(lora.first_layer, layers)),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT asks transformers by a name that is going away
        return get_peft_model(model, config)


def _refuse_other_kind(name: str, folder: Path, lora: LoraSpec) -> None:
    """Refuse to train an adapter as one of another kind: it would go on as what it is."""
    config = json.loads((folder / CONFIG).read_bytes())
    for setting, ours in (("rank_stabilised", "use_rslora"), ("dora", "use_dora")):
        if getattr(lora, setting) and not config.get(ours):
            raise TrainingError(
                f"{name} is an adapter without lora.{setting} and goes on as it is; leave that "
                "out, or merge the adapter (fcpref merge) and start from the folder"
            )


def _frozen_below(model: Any, first_layer: int) -> Any:  # noqa: ANN401
    """Leave an adapter's lower layers as they are, so that a backward pass ends above them."""
    for name, parameter in model.named_parameters():
        found = re.search(r"\.layers\.(\d+)\.", name)
        if found and int(found[1]) < first_layer:
            parameter.requires_grad = False
    return model


def _linear_layers(model: Any) -> list[str]:  # noqa: ANN401
    """Return the names of all linear layers but the output head (PEFT's "all-linear", by name)."""
    from torch.nn import Linear

    head = model.get_output_embeddings()
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, Linear) and module is not head
    }
    return sorted(found)


def save_adapter(
    model: Any,  # noqa: ANN401
    weights: Mapping[str, Any],
    out: Path,
    base: str,
    template: str,
) -> str:
    """Write the adapter in bf16, whole or not at all, and return the hash of its weights.

    DoRA's magnitudes stay in float32: rounding would take away most of what they have learnt.

    Args:
        model: PEFT's.
        weights: of the adapter, by parameter, on the CPU.
        out: the folder, which is replaced.
        base: the model's name that the adapter goes on.
        template: the chat template that stays beside it; empty where the base's own serves.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    import torch

    published = ModelName.parse(base).published
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=".writing-"))
        try:
            config = model.peft_config["default"]
            config.base_model_name_or_path = published or base
            # A set is written in the order of this process's hashes, and the file is hashed.
            if isinstance(config.target_modules, set):
                config.target_modules = sorted(config.target_modules)
            model.save_pretrained(
                temporary,
                selected_adapters=["default"],
                save_embedding_layers=False,
                state_dict={
                    name: one if _MAGNITUDE in name else one.to(torch.bfloat16)
                    for name, one in weights.items()
                },
            )
            (temporary / "fcpref.json").write_text(json.dumps({"base": base}, indent=1) + "\n")
            if template:
                (temporary / TEMPLATE).write_text(template, encoding="utf-8")
            (temporary / "README.md").unlink(missing_ok=True)
            temporary.chmod(0o755)
            shutil.rmtree(out, ignore_errors=True)
            temporary.replace(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        message = (
            f"{out}: the adapter cannot be written ({error.strerror or error}); free space "
            "and run again"
        )
        raise ArtifactError(message) from None
    return file_hash(out / WEIGHTS)
