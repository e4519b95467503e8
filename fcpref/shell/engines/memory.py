"""How many chains fit, planned from the model's size and the free memory before the first pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.errors import ModelError
from fcpref.shell.engines.slots import head_size

if TYPE_CHECKING:
    import torch

_GPU_ROWS = 256
_CPU_ROWS = 64
_GPU_SHARE = 0.8
_CPU_SHARE = 0.25
# Places that a chain has for its replies and their results before its slot has to grow, which on a
# GPU means that all graphs are captured again.
_GPU_ROOM = 512
_CPU_ROOM = 128
_STEP = 128


@frozen(kw_only=True)
class Shape:
    """What the slots and the passes over them look like.

    Attributes:
        rows: chains at once.
        length: tokens of a slot.
        tokens: tokens of all slots that fit in memory.
        fixed: every pass has all rows, as a captured graph needs; else only those under way.
        batch: rows of a pass that feeds several tokens a row.
        chunk: tokens a row of such a pass.
    """

    rows: int
    length: int
    tokens: int
    fixed: bool
    batch: int
    chunk: int

    def longer(self, needed: int) -> Shape:
        """Return the shape with room for longer chains, and fewer of them where it must be.

        Raises:
            ModelError: a single chain of that length does not fit.
        """
        return shape_of(needed, self.tokens, self.rows, fixed=self.fixed)

    def fewer(self) -> Shape:
        """Return the shape for about half of the memory.

        Raises:
            ModelError: there is one chain only.
        """
        if self.rows == 1:
            raise ModelError("not even one chain fits in memory; use a smaller model or prompt")
        tokens = self.rows * self.length // 2
        room = _room(fixed=self.fixed)
        return shape_of(self.length - room, tokens, max(1, self.rows // 2), fixed=self.fixed)


def shape_of(needed: int, tokens: int, rows: int, *, fixed: bool) -> Shape:
    """Return a shape for chains of at least some tokens.

    Args:
        needed: tokens of the longest chain so far.
        tokens: tokens of all slots that fit in memory.
        rows: chains at once at most.
        fixed: every pass has all rows.

    Raises:
        ModelError: a single chain does not fit.
    """
    length = -(-(needed + _room(fixed=fixed)) // _STEP) * _STEP
    if tokens < needed:
        raise ModelError(
            f"a chain of {needed} tokens does not fit in memory beside the model, {tokens} do; use"
            " a smaller model or a shorter prompt"
        )
    fitting = max(1, min(rows, tokens // length))
    return Shape(
        rows=fitting,
        length=length,
        tokens=tokens,
        fixed=fixed,
        batch=max(1, fitting // 4) if fixed else fitting,
        chunk=32 if fixed else 512,
    )


def plan_memory(model: Any, *, longest: int, prefix: int, rows: int) -> Shape:  # noqa: ANN401
    """Plan the slots.

    Args:
        model: the loaded model.
        longest: tokens of the longest prompt after what all share.
        prefix: tokens that all share.
        rows: chains at once; 0 for as many as fit and help.

    Raises:
        ModelError: a single chain does not fit.
    """
    fixed = model.device.type == "cuda"
    wanted = rows or (_GPU_ROWS if fixed else _CPU_ROWS)
    length = prefix + longest + _room(fixed=fixed)
    free = _free(model.device) - _workspace(model, wanted, length)
    share = _GPU_SHARE if fixed else _CPU_SHARE
    tokens = max(0, int(share * free) // token_bytes(model))
    return shape_of(longest, tokens, wanted, fixed=fixed)


def token_bytes(model: Any) -> int:  # noqa: ANN401
    """Return the bytes of one token's keys and values in all layers."""
    config = model.config
    size: int = 2 * config.num_hidden_layers * config.num_key_value_heads * head_size(config)
    return size * int(model.dtype.itemsize)


def _room(*, fixed: bool) -> int:
    return _GPU_ROOM if fixed else _CPU_ROOM


def _free(device: torch.device) -> int:
    import psutil
    import torch

    if device.type != "cuda":
        return int(psutil.virtual_memory().available)
    free, _ = torch.cuda.mem_get_info(device)
    # What the allocator holds and does not use is free too.
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def _workspace(model: Any, rows: int, length: int) -> int:  # noqa: ANN401
    """Return about the bytes that a pass needs beside the slots."""
    config = model.config
    logits = rows * config.vocab_size * 16
    fed = rows // 4 * 32
    scores = fed * config.num_attention_heads * length * 12
    hidden = fed * (config.hidden_size + config.intermediate_size) * 16
    return int(logits + scores + hidden)
