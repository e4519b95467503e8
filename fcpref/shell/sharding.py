"""Models shared out among processes: by PyTorch's FSDP, or by DeepSpeed's ZeRO-3.

Each process holds a share of every weight and gathers a layer from all where one is computed. So
all have to compute the same layers in the same order, or they wait for each other for ever.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from fcpref.errors import TrainingError
from fcpref.shell import processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch

    from fcpref.core.training import DpoSpec, GrpoSpec, SftSpec

Kind = Literal["", "fsdp", "zero3"]

_LIVE = 1_000_000_000
"""DeepSpeed's `stage3_max_live_parameters`."""


def kind() -> Kind:
    """Return how models are shared out; empty where each process has whole ones.

    It is said by what `accelerate launch` makes of its configuration.
    """
    if _told("ACCELERATE_USE_FSDP"):
        return "fsdp"
    return "zero3" if _told("ACCELERATE_USE_DEEPSPEED") else ""


def check(spec: SftSpec | DpoSpec | GrpoSpec) -> None:
    """Refuse a run that needs whole weights.

    Raises:
        TrainingError: it does, or FSDP is of the first version, which takes one dtype only.
    """
    if not (how := kind()):
        return
    config = f"fcpref/profiles/accelerate/{how}.yaml"
    if how == "fsdp" and os.environ.get("FSDP_VERSION") != "2":
        raise TrainingError(f"FSDP has to be of version 2; set fsdp_version: 2, as in {config}")
    if spec.lora.quantised != "no":
        raise TrainingError(f"weights in 4 bits cannot be shared out by {config}; use ddp.yaml")
    if spec.probe.every:
        raise TrainingError(
            f"probes sample from a whole model, and {config} shares it out; set probe.every=0 or "
            "use ddp.yaml"
        )


def begin(accelerator: Any) -> None:  # noqa: ANN401
    """Check what Accelerate has made of its configuration, before it shares out a model.

    Raises:
        TrainingError: it will not share it out.
    """
    how = kind()
    if not how:
        return
    if str(accelerator.distributed_type).rpartition(".")[2] not in {"FSDP", "DEEPSPEED"}:
        raise TrainingError(
            f"{how} shares a model out among GPUs, and Accelerate finds none; start this by "
            "accelerate launch where there are some, or use ddp.yaml"
        )
    if how == "zero3":
        if accelerator.state.deepspeed_plugin.zero_stage != 3:  # noqa: PLR2004
            raise TrainingError("DeepSpeed has to be of stage 3; set zero_stage: 3")
        # Otherwise passes' gradients would be added up in bfloat16.
        accelerator.state.deepspeed_plugin.deepspeed_config |= {
            "data_types": {"grad_accum_dtype": "fp32"},
            "communication_data_type": "fp32",
        }
        return
    if accelerator.mixed_precision == "bf16":
        import torch
        from torch.distributed.fsdp import MixedPrecisionPolicy

        # Accelerate's own would add up gradients and give log-probabilities in bfloat16.
        accelerator.state.fsdp_plugin.mixed_precision_policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32
        )


def end() -> None:
    """Let this process load a whole model again, by itself."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    if kind() == "zero3":
        unset_hf_deepspeed_config()


def lacking(accelerator: Any, count: int) -> int:  # noqa: ANN401
    """Return how many passes this process lacks to what the one with the most has.

    Args:
        accelerator: of the trainer.
        count: of this process's passes.
    """
    if not kind():
        return 0
    import torch

    counts = accelerator.gather(torch.tensor([count], device=accelerator.device))
    return int(counts.max()) - count


def whole(named: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield parameters as they are when put together; every process has to ask for all.

    Args:
        named: parameters by name, of which this process may have shares.
    """
    for name, one in named.items():
        if hasattr(one, "full_tensor"):
            yield name, one.detach().full_tensor()
        elif hasattr(one, "ds_id"):
            yield name, _from_deepspeed(one)
        else:
            yield name, one.detach()


def _from_deepspeed(parameter: Any) -> torch.Tensor:  # noqa: ANN401
    """Return a parameter, from the float32 that the optimizer keeps where there is one."""
    deepspeed: Any = import_module("deepspeed")
    if parameter.requires_grad:
        found: torch.Tensor = deepspeed.utils.safe_get_full_fp32_param(parameter)
        return found
    with deepspeed.zero.GatheredParameters([parameter]):
        copy: torch.Tensor = parameter.detach().clone()
    return copy


def own(values: Any) -> Any:  # noqa: ANN401
    """Return values, of dictionaries and lists too, with this process's share of each tensor."""
    from torch.distributed.tensor import DTensor
    from torch.utils._pytree import tree_map_only

    return tree_map_only(DTensor, lambda one: one.detach().to_local(), values)


def restore(model: Any, optimizer: Any, weights: Mapping[str, Any], state: Any) -> None:  # noqa: ANN401
    """Put back a process's shares, as `own` gave them, of weights and of an optimizer's state."""
    import torch
    from torch.distributed.tensor import DTensor

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            parameters[name].to_local().copy_(weight)
    optimizer.load_state_dict(state)
    for parameter, kept in optimizer.state.items():
        for name, value in kept.items():
            if value.dim():
                kept[name] = DTensor.from_local(
                    value,
                    parameter.device_mesh,
                    parameter.placements,
                    run_check=False,
                    shape=parameter.shape,
                    stride=parameter.stride(),
                )


def share_bytes(model: Any) -> int:  # noqa: ANN401
    """Return the bytes of a model that a process comes to hold: its share, and what is gathered.

    FSDP gathers the embeddings, and two layers at once; DeepSpeed a billion parameters.

    Args:
        model: before it is shared out.
    """
    layers: int = model.config.get_text_config().num_hidden_layers
    every: int = sum(one.numel() * one.element_size() for one in model.parameters())
    ends = {model.get_input_embeddings().weight, model.get_output_embeddings().weight}
    outer: int = sum(one.numel() * one.element_size() for one in ends)
    gathered = outer + 2 * (every - outer) // layers
    if kind() == "zero3":
        gathered = max(gathered, _LIVE * next(model.parameters()).element_size())
    return every // processes.count() + min(every, gathered)


def _told(name: str) -> bool:
    return os.environ.get(name, "false").lower() in {"true", "1"}
