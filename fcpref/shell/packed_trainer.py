"""TRL's DPOTrainer on packed pairs: its losses and metrics, our batches and forward passes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import is_peft_model
from trl import DPOTrainer
from trl.trainer import dpo_trainer
from trl.trainer.utils import FusedCausalLMOutput, use_adapter

from fcpref.shell import sharding
from fcpref.shell.balancing import Balancing
from fcpref.shell.layouts import Part, lay_out
from fcpref.shell.packed_rows import Batch, PackedRow, collate, table
from fcpref.shell.passes import average_metrics, nothing, on_device, passes
from fcpref.shell.quantising import adapters_in_float32
from fcpref.shell.resuming import Resuming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fcpref.shell.trained_forward import Scored

_REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")
_SFT = "sft"


class PackedCollator:
    """Makes a batch of places of pairs: packed, in parts that each fit a forward pass."""

    def __init__(self, pairs: Sequence[PackedRow], pad: int, budget: int) -> None:
        """Keep the pairs.

        Attribute ``references`` takes what the reference says of them, of shape (2, pairs).

        Args:
            pairs: all of them.
            pad: id of the padding token.
            budget: tokens of a forward pass, padding included.
        """
        self.pairs, self.pad, self.budget = pairs, pad, budget
        self.references: torch.Tensor | None = None

    @property
    def lengths(self) -> list[int]:
        """Tokens of each pair."""
        return [pair.length for pair in self.pairs]

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the parts; reference log-probabilities go with them where they are known."""
        places = [one["pair"] for one in examples]
        return {"parts": [self._part(places, part) for part in self.parts(places, self.budget)]}

    def parts(self, places: Sequence[int], budget: int) -> list[Part]:
        """Return pairs laid out for passes, by their places among those given.

        Args:
            places: of the pairs.
            budget: tokens of a pass, padding included.
        """
        return lay_out([self.pairs[place].length for place in places], budget)

    def batch(self, places: Sequence[int], part: Part) -> Batch:
        """Return a part as tensors.

        Args:
            places: of the pairs that were laid out.
            part: of these.
        """
        lines = [[self.pairs[places[at]] for at in line] for line in part.lines]
        return collate(lines, self.pad, part.width)

    def _part(self, places: Sequence[int], part: Part) -> Batch:
        batch = self.batch(places, part)
        if self.references is not None:
            taken = [places[at] for at in part.rows]
            batch |= dict(zip(_REFERENCE, self.references[:, taken], strict=True))
        return batch


class PackedDPOTrainer(Balancing, Resuming, DPOTrainer):
    """TRL's DPOTrainer on packed pairs: its losses and metrics, our forward pass."""

    _signature_columns: Any

    def __init__(self, *, reference: Any = None, **options: Any) -> None:  # noqa: ANN401
        """Take TRL's options; score all pairs with the reference, once.

        TRL would do that too, but keeps the results on disk under a hash of all weights, which
        takes longer than a short run.

        Args:
            reference: its scores, of shape (2, pairs), where they are known.
            **options: TRL's.
        """
        with _no_second_model():
            super().__init__(**options)
        adapters_in_float32(self.model)
        self.precompute_ref_logps = True
        if reference is None and not sharding.kind():
            reference = self._scored_by_reference(self.model)
        self._take(reference)

    def _take(self, reference: Any) -> None:  # noqa: ANN401
        collator: Any = self.data_collator
        self.reference = collator.references = reference

    def _prepare_for_training(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        prepared = super()._prepare_for_training(*args, **options)  # type: ignore[no-untyped-call]
        if self.reference is None:  # a model is shared out by now
            self._take(self._scored_by_reference(prepared[0]))
        return prepared

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *_: Any) -> Any:  # noqa: ANN401
        return dataset  # is done here, after the parent's beginning

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["pair"]

    def references(self) -> torch.Tensor:
        """Return the reference's scores, so that a run that goes on has the same ones."""
        scores: torch.Tensor = self.reference
        return scores

    def _scored_by_reference(self, model: Any) -> torch.Tensor:  # noqa: ANN401
        """Return the reference's log-probabilities of all pairs; alike in length together."""
        collator: Any = self.data_collator
        found = torch.zeros(len(_REFERENCE), len(collator.pairs))
        # The same groups for all, though one may have less memory free than another.
        budgets = torch.tensor([collator.budget], device=self.accelerator.device)
        least = int(self.accelerator.gather(budgets).min())
        every = range(len(collator.pairs))
        parts = collator.parts(every, least)
        mine = parts[self.accelerator.process_index :: self.accelerator.num_processes]
        # Before the first pass: whoever asks after its own would meet the others in theirs.
        lacking = sharding.lacking(self.accelerator, len(mine))
        for part in mine:
            logps = self.compute_ref_log_probs(model, on_device(self, collator.batch(every, part)))
            found[:, part.rows] = torch.stack(logps).float().cpu()
        for _ in range(lacking):
            with self._as_reference():
                nothing(model, on_device(self, collate([collator.pairs[:1]], collator.pad)))
        # Each process has filled in its own places.
        whole: torch.Tensor = self.accelerator.reduce(found.to(self.accelerator.device), "sum")
        return whole.cpu()

    def compute_ref_log_probs(self, model: Any, inputs: Any) -> Any:  # noqa: ANN401
        """Return the reference's log-probabilities of the chosen and of the rejected chains."""
        with self._as_reference():
            log_probs = _forward(model, inputs).log_probs
        return table(log_probs, inputs, _widest(inputs)).sum(1).chunk(2)

    @contextlib.contextmanager
    def _as_reference(self) -> Iterator[None]:
        """Let the model be the reference."""
        reference: Any = contextlib.nullcontext()
        if is_peft_model(self.model):
            unwrapped = self.accelerator.unwrap_model(self.model)
            # Of a student with an adapter TRL keeps a copy; of a new one the base is the reference.
            name = "ref" if "ref" in unwrapped.peft_config else None
            reference = use_adapter(unwrapped, adapter_name=name)
        with torch.no_grad(), reference, self.accelerator.autocast():
            yield

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:  # noqa: ANN401
        """Run an optimizer step's forward and backward passes, part by part."""
        del num_items_in_batch
        model.train()
        parts: Any = on_device(self, inputs)["parts"]
        chains = sum(len(part["counts"]) for part in parts)
        shares = [len(part["counts"]) / chains for part in parts]
        total = torch.zeros((), device=self.args.device)
        weights = self.loss_weights
        by_pass = zip(shares, self._weights(parts, shares), strict=True)
        try:
            for part in passes(self, model, parts):
                share, self.loss_weights = next(by_pass)
                loss = self.compute_loss(model, part) * share  # type: ignore[no-untyped-call]
                self.accelerator.backward(loss)
                total += loss.detach()
        finally:
            self.loss_weights = weights
        return total

    def _weights(self, parts: Sequence[Batch], shares: Sequence[float]) -> list[list[Any]]:
        """Return the weights of the losses in each pass, which counts by its share of the pairs.

        TRL's term ``sft`` is a mean over the tokens of a pass; weighted so, their sum is that over
        the tokens of the step, whatever the passes and the processes that share it.
        """
        if _SFT not in self.loss_types:
            return [self.loss_weights] * len(parts)
        chosen = [part["counts"].chunk(2)[0].sum() for part in parts]
        # Processes' gradients are averaged, so each divides by the mean of what they train on.
        tokens = self.accelerator.reduce(torch.stack(chosen).sum().float(), "mean")
        terms = [*zip(self.loss_types, self.loss_weights, strict=True)]
        return [
            [weight * count / tokens / share if name == _SFT else weight for name, weight in terms]
            for count, share in zip(chosen, shares, strict=True)
        ]

    def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:  # noqa: ANN401, FBT001
        counts, width = inputs["counts"], _widest(inputs)
        carries = (torch.arange(width, device=counts.device) < counts[:, None]).long()
        # TRL's view: a row a chain, of the trained tokens alone behind one that is not.
        view = {
            "input_ids": torch.zeros(
                len(counts), width + 1, dtype=torch.long, device=counts.device
            ),
            "attention_mask": inputs["segments"] >= 0,
            "completion_mask": torch.nn.functional.pad(carries, (1, 0)),
            **{name: inputs[name] for name in _REFERENCE},
        }

        def scores(**_: Any) -> FusedCausalLMOutput:  # noqa: ANN401
            found = _forward(model, inputs)
            log_probs = table(found.log_probs, inputs, width)
            unknown = torch.zeros_like(log_probs)
            return FusedCausalLMOutput(
                log_probs=log_probs,
                entropy=unknown,
                mean_logits=unknown,
                is_top1=table(found.is_top1, inputs, width),
            )

        # TRL gathers metrics from all processes here, but these have parts of their own.
        with _alone(self.accelerator):
            return super()._compute_loss(scores, view, return_outputs)  # type: ignore[no-untyped-call]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the metrics' means over all processes."""
        average_metrics(self)
        for name in ("entropy", "logits/chosen", "logits/rejected"):
            self._metrics["train"].pop(name, None)  # are not computed
        super().log(logs, start_time)

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ANN401
        """Count nothing: the parent's estimate is of padded rows."""
        del inputs
        return 0


@contextlib.contextmanager
def _no_second_model() -> Iterator[None]:
    """Keep TRL from loading a reference, which it does under FSDP, and drops without using it."""
    module: Any = dpo_trainer
    load = module.create_model_from_path
    module.create_model_from_path = lambda *_, **__: None
    try:
        yield
    finally:
        module.create_model_from_path = load


@contextlib.contextmanager
def _alone(accelerator: Any) -> Iterator[None]:  # noqa: ANN401
    """Let gathering from all processes give what this one has."""
    names = ("gather", "gather_for_metrics")
    for name in names:
        setattr(accelerator, name, lambda values: values)
    try:
        yield
    finally:
        for name in names:
            delattr(accelerator, name)


def _forward(model: Any, batch: Mapping[str, torch.Tensor]) -> Scored:  # noqa: ANN401
    result: Scored = model(
        input_ids=batch["input_ids"],
        position_ids=batch["position_ids"],
        segments=batch["segments"],
        trained=(batch["rows"], batch["columns"], batch["targets"]),
    )
    return result


def _widest(batch: Mapping[str, torch.Tensor]) -> int:
    return int(batch["counts"].max())
