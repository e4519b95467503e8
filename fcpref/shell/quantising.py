"""Frozen weights in 4 bits (QLoRA, arXiv 2305.14314), by bitsandbytes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fcpref.errors import ModelError

if TYPE_CHECKING:
    import torch

PACKAGE = "bitsandbytes"


def nf4_settings(device: torch.device) -> dict[str, Any]:
    """Return what `from_pretrained` is told, so that linear layers but the head are in 4 bits.

    They are NormalFloat4 with double quantisation, and compute in bfloat16.

    Args:
        device: where the model goes.

    Raises:
        ModelError: it is no CUDA device, or bitsandbytes is not installed.
    """
    import torch

    if device.type != "cuda":
        raise ModelError(
            "lora.quantised=nf4 needs a GPU with CUDA, and here is none: leave it out, or train on "
            "a machine that has one"
        )
    if find_spec(PACKAGE) is None:
        raise ModelError(
            "lora.quantised=nf4 needs bitsandbytes: pip install 'fcpref[qlora]', or leave it out"
        )
    from transformers import BitsAndBytesConfig

    settings: Any = BitsAndBytesConfig  # an untyped function
    return {
        "quantization_config": settings(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
        # Which GPU a plain "cuda" means is decided here, and may differ between processes.
        "device_map": {"": torch.empty(0, device=device).device},
    }


def adapters_in_float32(model: Any) -> None:  # noqa: ANN401
    """Put back what TRL has rounded to bfloat16, where small steps would be lost.

    It does so with the adapters of quantised models only.

    Args:
        model: that a trainer of TRL has taken, before its optimizer is made.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
