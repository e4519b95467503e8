"""Load a model that was found, and its tokenizer; nothing heavy is imported before."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcpref.errors import ModelError
from fcpref.shell.quantising import nf4_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from fcpref.shell.model_names import ResolvedModel

from fcpref.shell.resolving import kept_template, model_errors


def load_tokenizer(resolved: ResolvedModel) -> PreTrainedTokenizerBase:
    """The model's tokenizer, with its chat template; pad and eos may be the same token.

    An adapter that has a chat template beside it is asked with that.

    Raises:
        ModelError: The folder's tokenizer cannot be read.
    """
    with model_errors(f"cannot load the tokenizer of {resolved.name}"), quiet():
        from transformers import AutoTokenizer

        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            resolved.folder,
            local_files_only=True,
        )
        if (kept := kept_template(resolved)) is not None:
            tokenizer.chat_template = kept
        return tokenizer


def load_model(
    resolved: ResolvedModel,
    *,
    dtype: str = "auto",
    device: str = "auto",
    trainable: bool = False,
    quantised: bool = False,
) -> PreTrainedModel | PeftModel:
    """The model, with its adapter where it has one.

    Args:
        resolved: What `resolve` returned.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`: bfloat16 on CUDA and on processors with
            bfloat16 instructions (others emulate it, some 50 times slower), else float32.
        device: `cpu`, `cuda`, `cuda:N`, or `auto`: CUDA where there is one.
        trainable: Adapter in float32 with gradients, or the whole model where there is no adapter.
            Otherwise nothing has gradients.
        quantised: Linear layers in 4 bits, see `nf4_settings`; other weights have the dtype.

    Raises:
        ModelError: Weights missing, damaged, not fitting, or no such device or dtype; or no CUDA or
            no bitsandbytes for 4 bits.
    """
    with model_errors(f"cannot load {resolved.name}"), quiet():
        import transformers

        auto: Any = transformers.AutoModelForCausalLM  # its types leave out the report
        where = _device(device)
        loaded, report = auto.from_pretrained(
            resolved.folder,
            dtype=_dtype(dtype, where),
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **(nf4_settings(where) if quantised else {}),
        )
        if lacking := sorted(report["missing_keys"]):
            raise ModelError(
                f"{resolved.name} lacks the weights {lacking[0]!r}: save or convert it again"
            )
        model: PreTrainedModel | PeftModel = loaded if quantised else loaded.to(where)
        if resolved.adapter is not None:
            model = _with_adapter(loaded, resolved.adapter, trainable=trainable)
        elif not trainable:
            model.requires_grad_(requires_grad=False)
        return model.train(trainable)


def gpu_count() -> int:
    """Return how many GPUs this process sees."""
    import torch

    return torch.cuda.device_count()


def on_gpu() -> bool:
    """Tell whether `load_model` puts models onto a GPU."""
    return _device("auto").type == "cuda"


def most_gpu_bytes() -> int:
    """Return the most memory of its GPU that this process has had at once; 0 without one."""
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def loaded_dtype(dtype: str, device: str) -> str:
    """Return the name of the dtype that `load_model` gives a model.

    Raises:
        ModelError: no such dtype.
    """
    import torch

    return str(_dtype(dtype, torch.device(device))).removeprefix("torch.")


def _with_adapter(model: PreTrainedModel, folder: Path, *, trainable: bool) -> PeftModel:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    combined: PeftModel = PeftModel.from_pretrained(
        model,
        str(folder),
        is_trainable=trainable,
        autocast_adapter_dtype=trainable,
    )
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        saved = set(file.keys())
    if stray := sorted(saved ^ set(get_peft_model_state_dict(combined))):
        raise ModelError(
            f"adapter:{folder} does not fit its base ({stray[0]!r}): name another after @"
        )
    return combined


def _device(text: str) -> torch.device:
    import torch

    if text == "auto":
        text = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(text)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"this machine has no device {text!r}: use 'auto' or 'cpu'")
    return device


def _dtype(text: str, device: torch.device) -> torch.dtype:
    import torch

    fast = device.type == "cuda" or (device.type == "cpu" and _processor_has_bfloat16())
    dtypes = {
        "auto": torch.bfloat16 if fast else torch.float32,
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }
    if text not in dtypes:
        raise ModelError(f"{text!r} is not a dtype: use one of {', '.join(dtypes)}")
    return dtypes[text]


def _processor_has_bfloat16() -> bool:
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16"})


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, warnings or log lines from transformers inside the block."""
    import warnings

    import transformers.utils.logging

    logs: Any = transformers.utils.logging  # untyped functions
    level, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logs.set_verbosity(level)
        if bars:
            logs.enable_progress_bar()
