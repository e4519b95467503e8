"""A model on this machine's devices, loaded once, and the engines that share it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from fcpref.shell.model_names import ResolvedModel, public_name
from fcpref.shell.models import load_model, load_tokenizer, loaded_dtype

if TYPE_CHECKING:
    from fcpref.shell.engines.base import Engine, Sampling
    from fcpref.shell.engines.replicas import Replicas


class LocalModel:
    """One copy on each visible GPU, or one on the processor."""

    def __init__(self, resolved: ResolvedModel, dtype: str = "auto") -> None:
        """Load nothing yet.

        Args:
            resolved: the model; an adapter is merged into its base.
            dtype: see `load_model`.
        """
        self._resolved, self.dtype = resolved, dtype

    def engine(self, sampling: Sampling) -> Engine:
        """Return an engine that draws replies so.

        Raises:
            ModelError: the model cannot be loaded, or has no chat template.
        """
        from fcpref.shell.engines.replicas import Replicas, ReplicasEngine
        from fcpref.shell.engines.transformers import TransformersEngine

        name, revision = public_name(self._resolved), self._resolved.revision
        if isinstance(self._loaded, Replicas):
            tokenizer = load_tokenizer(self._resolved)
            dtype = loaded_dtype(self.dtype, "cuda")
            return ReplicasEngine(
                self._loaded,
                tokenizer,
                name=name,
                revision=revision,
                sampling=sampling,
                dtype=dtype,
            )
        model, tokenizer = self._loaded
        return TransformersEngine(model, tokenizer, name=name, revision=revision, sampling=sampling)

    @functools.cached_property
    def _loaded(self) -> Replicas | tuple[Any, Any]:
        import torch

        from fcpref.shell.engines.replicas import Replicas

        count = torch.cuda.device_count()
        load = functools.partial(load_on, self._resolved, self.dtype)
        return Replicas(load, [f"cuda:{n}" for n in range(count)]) if count > 1 else load("auto")


def load_on(resolved: ResolvedModel, dtype: str, device: str) -> tuple[Any, Any]:
    """Return model and tokenizer for generation, the adapter merged."""
    model: Any = load_model(resolved, dtype=dtype, device=device)
    if resolved.adapter is not None:
        model = model.merge_and_unload()
    return model.eval(), load_tokenizer(resolved)
