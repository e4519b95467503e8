"""What is set while a trainer runs, and put back afterwards."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from peft.helpers import disable_input_dtype_casting

from fcpref.shell import sharding
from fcpref.shell.adapters import base_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def mixed(model: Any) -> Iterator[None]:  # noqa: ANN401
    """Compute with adapters in bfloat16 on a GPU, where the weights below them are in it.

    The adapters stay in float32. PEFT would read each layer's input as float32 for their sake,
    which takes longer than the layer itself, and as much memory again. For DoRA's it may: the norms
    that its magnitudes are divided by would be rounded with the input, more than these learn.
    """
    first = next(model.parameters())
    dora = any(one.use_dora for one in getattr(model, "peft_config", {}).values())
    # Of a model that is shared out, layers come to the GPU later.
    there = first.device.type == "cuda" or (sharding.kind() and torch.cuda.is_available())
    if dora or not there or first.dtype is not torch.bfloat16:
        yield
        return
    base = base_of(model)
    forward = base.forward

    def rounded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        # Not around a whole run: it keeps the weights as they were when it began.
        with torch.autocast("cuda", dtype=torch.bfloat16):
            return forward(*args, **kwargs)

    base.forward = rounded
    try:
        with disable_input_dtype_casting(model):
            yield
    finally:
        base.forward = forward


@contextlib.contextmanager
def any_shape() -> Iterator[None]:
    """Train without cuDNN's attention.

    It plans anew for each shape of a batch, which on an H100 takes five times as long as the work,
    and runs of several processes there have ended in NaN with it.
    """
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(enabled=before)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries' warnings and bars off the console while training runs."""
    level = transformers.logging.get_verbosity()
    previous = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    transformers.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    trl_logger = logging.getLogger("trl")
    trl_level = trl_logger.level
    trl_logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(level)
        trl_logger.setLevel(trl_level)
        datasets.enable_progress_bars()
        if previous is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = previous
