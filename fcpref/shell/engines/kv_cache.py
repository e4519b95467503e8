"""A key-value cache with room to grow: one copy in 64 tokens, not one a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    import torch

_ROOM = 64


class RoomyLayer(DynamicLayer):
    """A `DynamicLayer` whose keys and values are the used part of larger buffers.

    transformers concatenates at every token: that copies the whole cache each time, and leaves an
    allocator with holes of ever new sizes.
    """

    def __init__(self, layer: Any) -> None:  # noqa: ANN401 - transformers is partly typed
        """Take over what a layer holds."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(layer.keys, layer.values)
        self.keys, self.values = layer.keys, layer.values
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *_: Any,  # noqa: ANN401
        **__: Any,  # noqa: ANN401
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states; all are rows x heads x tokens x size."""
        held: Any = self.keys
        values: Any = self.values
        old = held.shape[-2]
        new = old + key_states.shape[-2]
        # After rows were dropped the keys are a tensor of their own, and the buffers are stale.
        if (
            self._buffers is None
            or held.data_ptr() != self._buffers[0].data_ptr()
            or new > self._buffers[0].shape[-2]
        ):
            self._buffers = (_with_room(held, new), _with_room(values, new))
        key_buffer, value_buffer = self._buffers
        key_buffer[:, :, old:new] = key_states
        value_buffer[:, :, old:new] = value_states
        self.keys, self.values = key_buffer[:, :, :new], value_buffer[:, :, :new]
        return self.keys, self.values


def make_room(cache: Any) -> None:  # noqa: ANN401
    """Let a filled cache grow cheaply; layers of another kind than `DynamicLayer` stay."""
    cache.layers = [
        RoomyLayer(layer) if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]


def _with_room(states: torch.Tensor, needed: int) -> torch.Tensor:
    rows, heads, used, size = states.shape
    buffer = states.new_empty(rows, heads, needed + _ROOM, size)
    buffer[:, :, :used] = states
    return buffer
