"""Forward passes over slots; on a GPU each shape is captured once as a CUDA graph and replayed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.shell.engines.slots import ATTENTION, Slots, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch  # noqa: TC004 - never structured, and heavy
    from transformers import Cache

_STEP = 128


@frozen(kw_only=True)
class _Graph:
    graph: Any
    ids: torch.Tensor
    columns: torch.Tensor
    rows: torch.Tensor | None
    logits: torch.Tensor


class Passes:
    """A model's passes over its slots.

    A graph spares the processor: it launches a pass of a thousand kernels as one. Its shapes are
    fixed, so what a row computes does not depend on how many others there are.
    """

    def __init__(self, model: Any, slots: Slots) -> None:  # noqa: ANN401 - partly typed
        """Keep a model whose attention is that of `slots`."""
        self._model, self.slots = model, slots
        self._graphs: dict[tuple[bool, int, int, int], _Graph] = {}

    def run(
        self,
        ids: Sequence[Sequence[int]],
        columns: Sequence[Sequence[int]],
        rows: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Feed tokens, and return the logits after the last one of each row.

        Args:
            ids: rows x tokens; padding stands before them.
            columns: each token's place in its slot, -1 for padding.
            rows: the slots; None for the first ones in order.

        Returns:
            Rows x vocabulary; on a GPU they are overwritten by the next pass.
        """
        import torch

        highest = max(max(places) for places in columns) + 1
        length = min(self.slots.length, -(-highest // _STEP) * _STEP)
        device = self._model.device
        fed = torch.tensor(ids, device=device)
        places = torch.tensor(columns, device=device)
        chosen = None if rows is None else torch.tensor(rows, device=device)
        if device.type != "cuda":
            return self._forward(fed, places, chosen, length)
        key = (rows is None, *fed.shape, length)
        graph = self._graphs.get(key)
        if graph is None:
            graph = self._graphs[key] = self._capture(fed, places, chosen, length)
        graph.ids.copy_(fed)
        graph.columns.copy_(places)
        if graph.rows is not None and chosen is not None:
            graph.rows.copy_(chosen)
        graph.graph.replay()
        return graph.logits

    def forget(self) -> None:
        """Drop what was captured, for instance because the slots have moved."""
        self._graphs.clear()

    def _forward(
        self,
        ids: torch.Tensor,
        columns: torch.Tensor,
        rows: torch.Tensor | None,
        length: int,
    ) -> torch.Tensor:
        self.slots.look(View(rows=rows, columns=columns, length=length))
        out = self._model(
            input_ids=ids,
            position_ids=self.slots.positions(columns),
            past_key_values=self.slots,
            use_cache=True,
            logits_to_keep=1,
            slots=self.slots,
        )
        logits: torch.Tensor = out.logits[:, -1]
        return logits

    def _capture(
        self,
        ids: torch.Tensor,
        columns: torch.Tensor,
        rows: torch.Tensor | None,
        length: int,
    ) -> _Graph:
        import torch

        # Libraries choose and load their kernels in the first passes, which cannot be captured.
        # To write the same states twice changes nothing.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._forward(ids, columns, rows, length)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        earlier = next(iter(self._graphs.values()), None)
        pool = earlier.graph.pool() if earlier else None
        with torch.cuda.graph(graph, pool=pool):
            logits = self._forward(ids, columns, rows, length)
        return _Graph(graph=graph, ids=ids, columns=columns, rows=rows, logits=logits)


@contextmanager
def slot_attention(model: Any) -> Iterator[None]:  # noqa: ANN401
    """Let a model attend to slots inside the block."""
    before = model.config._attn_implementation  # noqa: SLF001 - it has no public reader
    model.set_attn_implementation(ATTENTION)
    head = model.get_output_embeddings().register_forward_pre_hook(_contiguous)
    try:
        yield
    finally:
        head.remove()
        model.set_attn_implementation(before)


def _contiguous(_module: object, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Copy the last states of all rows together.

    They are a slice of the states of all tokens, and for such a one PyTorch copies the whole
    vocabulary's weights once a row.
    """
    return (given[0].contiguous(), *given[1:])


def encode_prefix(model: Any, ids: Sequence[int]) -> Cache | None:  # noqa: ANN401
    """Return keys and values of what all prompts begin with; None for nothing.

    The model must not attend to slots.
    """
    import torch
    from transformers import DynamicCache

    if not ids:
        return None
    cache = DynamicCache()
    tokens = torch.tensor([list(ids)], device=model.device)
    model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache
