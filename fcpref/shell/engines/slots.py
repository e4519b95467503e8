"""Key-value caches of many chains side by side, each chain at its own position.

What all prompts begin with is held once; the rest of each chain has a slot of its own, so a chain
that ends makes room for the next one without touching the others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from attrs import frozen
from transformers import AttentionInterface, Cache

from fcpref.errors import ModelError

if TYPE_CHECKING:
    import torch  # noqa: TC004 - never structured, and heavy

ATTENTION = "fcpref_slots"
_LAYERS = {"full_attention", "sliding_attention"}


@frozen(kw_only=True)
class View:
    """Which tokens a forward pass writes, and what they may look at.

    Attributes:
        rows: the slots, one a row of the batch; None for the first slots in order.
        columns: rows x new tokens; each token's place in its slot, -1 for padding.
        length: places of a slot that are looked at; the columns lie below it.
    """

    rows: torch.Tensor | None
    columns: torch.Tensor
    length: int


class Slots(Cache):
    """Buffers of keys and values, slots x heads x places x size in each layer.

    One more slot and one more place than asked for take what padding writes.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers is partly typed
        prefix: Cache | None,
        *,
        slots: int,
        length: int,
    ) -> None:
        """Make room for chains.

        Args:
            model: a causal LM; its layers must attend to all that came before, or to a window.
            prefix: keys and values of what all chains begin with, of one row; None for nothing.
            slots: chains at once.
            length: tokens a chain may have after the prefix.
        """
        super().__init__(layers=[])
        config = model.config
        self._shape = (config.num_key_value_heads, head_size(config))
        self._like = model.get_input_embeddings().weight
        self.slots, self.length = slots, length
        count = config.num_hidden_layers
        self._keys = [self._buffer() for _ in range(count)]
        self._values = [self._buffer() for _ in range(count)]
        layers: list[Any] = list(prefix.layers) if prefix is not None else []
        # heads x tokens x size
        self._prefix_keys = [layer.keys[0] for layer in layers]
        self._prefix_values = [layer.values[0] for layer in layers]
        self.shared = self._prefix_keys[0].shape[1] if layers else 0
        self._view: View | None = None
        self._write: tuple[torch.Tensor, torch.Tensor] | None = None
        self._own: torch.Tensor | None = None
        self._added: torch.Tensor | None = None

    def look(self, view: View) -> None:
        """Set what the next forward pass writes and sees."""
        import torch

        columns = view.columns
        padding = columns < 0
        rows = torch.arange(len(columns), device=columns.device) if view.rows is None else view.rows
        self._view = view
        self._write = (rows.unsqueeze(1), columns.masked_fill(padding, self.length))
        # A padding token sees one place, for a row that sees nothing has no mean.
        last = columns.masked_fill(padding, 0)
        places = torch.arange(view.length, device=columns.device)
        self._own = places > last[:, None, None, :, None]
        self._added = None

    def positions(self, columns: torch.Tensor) -> torch.Tensor:
        """Return the tokens' positions in their chats."""
        return columns.clamp(min=0) + self.shared

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *_: Any,  # noqa: ANN401
        **__: Any,  # noqa: ANN401
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write new states, rows x heads x tokens x size; return what their slots hold."""
        assert self._view is not None  # noqa: S101 - for the type checker
        assert self._write is not None  # noqa: S101
        rows, columns = self._write
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[rows, :, columns] = key_states.transpose(1, 2)
        values[rows, :, columns] = value_states.transpose(1, 2)
        # Cut before it is gathered: gathering copies.
        keys, values = keys[:, :, : self._view.length], values[:, :, : self._view.length]
        if self._view.rows is None:
            return keys[: len(rows)], values[: len(rows)]
        return keys[self._view.rows], values[self._view.rows]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scaling: float,
        window: int | None,
        softcap: float | None,
    ) -> torch.Tensor:
        """Return what queries find in the prefix and in their own slots.

        Args:
            layer: index of the layer.
            query: rows x query heads x tokens x size.
            keys: rows x heads x places x size.
            values: the same shape.
            scaling: of the scores.
            window: how many tokens are seen, itself included; None for all.
            softcap: bound of the scores.

        Returns:
            Rows x tokens x query heads x size.
        """
        rows, heads, places, size = keys.shape
        groups, tokens = query.shape[1] // heads, query.shape[2]
        # All queries of one key head go together: keys and values are read once, not per query.
        grouped = query.reshape(rows, heads, groups * tokens, size)
        if window is None and softcap is None and _kernels_for(query):
            found = self._fused(layer, grouped, keys, values, scaling)
        else:
            scores = self._scores(layer, grouped * scaling, keys)
            if softcap is not None:
                scores = softcap * (scores / softcap).tanh()
            apart = scores.view(rows, heads, groups, tokens, self.shared + places)
            apart[..., self.shared :].masked_fill_(self._hidden(), -math.inf)
            if window is not None:
                apart.masked_fill_(self._outside(window), -math.inf)
            found = self._sums(layer, scores.softmax(-1).to(values.dtype), values)
        found = found.to(values.dtype).reshape(rows, heads * groups, tokens, size)
        return found.transpose(1, 2).contiguous()

    def _scores(self, layer: int, query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """Return rows x heads x queries x places, those of the prefix first."""
        import torch

        own = torch.matmul(query, keys.transpose(2, 3)).float()
        if not self.shared:
            return own
        before = torch.matmul(_by_head(query), self._prefix_keys[layer].transpose(1, 2)).float()
        return torch.cat([_by_row(before, len(query)), own], -1)

    def _sums(self, layer: int, weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return rows x heads x queries x size."""
        import torch

        found = torch.matmul(weights[..., self.shared :], values)
        if not self.shared:
            return found
        before = _by_head(weights[..., : self.shared])
        return found + _by_row(torch.matmul(before, self._prefix_values[layer]), len(weights))

    def _fused(
        self,
        layer: int,
        query: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Attend to the prefix and to the slots by one kernel each, and join what they found."""
        own, own_sum = _attended(query, keys, values, self._bias(query, keys), scaling)
        if not self.shared:
            return own
        before, before_sum = _attended(
            _by_head(query).unsqueeze(0),
            self._prefix_keys[layer].unsqueeze(0),
            self._prefix_values[layer].unsqueeze(0),
            None,
            scaling,
        )
        rows = len(query)
        share = (_by_row(before_sum[0].unsqueeze(-1), rows) - own_sum.unsqueeze(-1)).sigmoid()
        joined: torch.Tensor = own + share * (_by_row(before[0], rows).float() - own)
        return joined

    def _bias(self, query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """Return the mask as what is added to scores, rows x heads x queries x places."""
        hidden = self._hidden()
        if self._added is None or self._added.shape[2] != query.shape[2]:
            rows, _, _, tokens, places = hidden.shape
            groups = query.shape[2] // tokens
            added = query.new_zeros(rows, 1, groups, tokens, places)
            added.masked_fill_(hidden, -math.inf)
            self._added = added.view(rows, 1, groups * tokens, places)
        return self._added.expand(-1, keys.shape[1], -1, -1)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first places of a slot to another one."""
        for buffer in (*self._keys, *self._values):
            buffer[target, :, :length] = buffer[source, :, :length]

    def grow(self, length: int) -> None:
        """Make all slots longer; a buffer at a time, to save memory."""
        held_length, self.length = self.length, length
        for buffers in (self._keys, self._values):
            for index, held in enumerate(buffers):
                buffers[index] = self._buffer()
                buffers[index][:, :, :held_length] = held[:, :, :held_length]

    def _hidden(self) -> torch.Tensor:
        """Return rows x 1 x 1 x tokens x places: what is not to be seen."""
        assert self._own is not None  # noqa: S101 - for the type checker
        return self._own

    def _outside(self, window: int) -> torch.Tensor:
        import torch

        assert self._view is not None  # noqa: S101 - for the type checker
        columns = self._view.columns
        last = columns.clamp(min=0) + self.shared
        places = torch.arange(self.shared + self._view.length, device=columns.device)
        outside: torch.Tensor = places <= (last - window)[:, None, None, :, None]
        return outside

    def _buffer(self) -> torch.Tensor:
        heads, size = self._shape
        # Zeros: what is masked has weight 0, and 0 times garbage may be no number.
        buffer: torch.Tensor = self._like.new_zeros(self.slots + 1, heads, self.length + 1, size)
        return buffer


def head_size(config: Any) -> int:  # noqa: ANN401
    """Return the size of an attention head."""
    size: int = getattr(config, "head_dim", None) or (
        config.hidden_size // config.num_attention_heads
    )
    return size


def require_slots(model: Any, name: str) -> None:  # noqa: ANN401
    """Make sure that a model's attention can work on slots.

    Raises:
        ModelError: it has other layers than full and sliding attention.
    """
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    known = hasattr(config, "num_key_value_heads") and hasattr(config, "num_hidden_layers")
    if kinds - _LAYERS or not known or not model._can_set_attn_implementation():  # noqa: SLF001
        raise ModelError(
            f"{name}: a model of type {config.model_type} cannot be sampled here; serve it and use"
            " the openai engine"
        )


def _attention(  # noqa: PLR0913 - transformers' signature
    module: Any,  # noqa: ANN401
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    *,
    scaling: float,
    slots: Slots,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,  # noqa: ANN401
) -> tuple[torch.Tensor, None]:
    if s_aux is not None:
        raise ModelError("a model with attention sinks cannot be sampled here; serve it instead")
    layer = module.layer_idx
    found = slots.attend(layer, query, key, value, scaling, sliding_window, softcap)
    return found, None


def _by_head(states: torch.Tensor) -> torch.Tensor:
    """Put all rows' queries of a head together, heads x (rows x queries) x size."""
    rows, heads, count, size = states.shape
    return states.transpose(0, 1).reshape(heads, rows * count, size)


def _by_row(states: torch.Tensor, rows: int) -> torch.Tensor:
    """Undo `_by_head`."""
    heads, _, size = states.shape
    return states.view(heads, rows, -1, size).transpose(0, 1)


def _kernels_for(query: torch.Tensor) -> str:
    """Return the kind of device whose fused kernels take such queries; empty when none does."""
    import torch

    device = query.device.type
    fused = device == "cpu" or query.dtype in {torch.bfloat16, torch.float16}
    return device if fused and device in {"cpu", "cuda"} else ""


def _attended(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    bias: torch.Tensor | None,
    scaling: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend by a fused kernel.

    PyTorch has no public function that also returns the logarithm of each query's sum of weights,
    which says how much this part of the attention counts beside another one.

    Returns:
        What was found, rows x heads x queries x size, and those logarithms, rows x heads x queries.
    """
    import torch

    kernels = torch.ops.aten
    if _kernels_for(query) == "cpu":
        found, sums = kernels._scaled_dot_product_flash_attention_for_cpu(  # noqa: SLF001
            query, keys, values, attn_mask=bias, scale=scaling
        )
    elif bias is None:
        found, sums, *_ = kernels._scaled_dot_product_flash_attention(  # noqa: SLF001
            query, keys, values, scale=scaling
        )
    else:
        found, sums, *_ = kernels._scaled_dot_product_efficient_attention(  # noqa: SLF001
            query, keys, values, bias, compute_log_sumexp=True, scale=scaling
        )
    # One of them pads the sums.
    return found, sums[:, :, : query.shape[2]]


AttentionInterface.register(ATTENTION, _attention)
