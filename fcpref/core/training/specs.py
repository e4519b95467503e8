"""What a training run is told, and what it leaves on record."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import ge, gt, in_, lt

from fcpref.core.chains import STUDENT, PromptSpec
from fcpref.core.codec import LATER
from fcpref.core.training.probes import Probe, ProbeSpec

LOSSES = ("sigmoid", "ipo", "hinge", "apo_zero", "apo_down", "robust", "sigmoid_norm")


@frozen(kw_only=True)
class LoraSpec:
    """Low-rank adapters on all linear layers.

    Attributes:
        rank: of the two factors.
        alpha: scale; the update is multiplied by alpha / rank.
        first_layer: adapters sit on this layer and those above; a backward pass ends there.
    """

    rank: int = field(default=16, validator=ge(1))
    alpha: int = field(default=32, validator=ge(1))
    first_layer: int = field(default=0, validator=ge(0))


@frozen(kw_only=True)
class _Spec:
    """What every training run is told.

    Attributes:
        learning_rate: peak, after a linear warm-up; it then falls linearly to 0.
        epochs: passes over the rows.
        batch: rows an optimizer step.
        warmup: share of the steps spent warming up.
        max_tokens: rows with a longer chain are left out and counted, never cut.
        seed: of initialisation and order.
        lora: the adapters, when the start is a plain model; of an adapter that goes on, only the
            first trained layer counts.
        prompt: how the student's prompt is rendered; the call grammar and the functions on offer
            are each chain's own.
        dtype: of the frozen weights; ``auto`` is bfloat16 where the hardware has it. Adapters are
            in float32.
        probe: how the student is watched while it is trained; not unless asked for.
    """

    learning_rate: float = field(validator=gt(0))
    epochs: int = field(default=1, validator=ge(1))
    batch: int = field(default=8, validator=ge(1))
    warmup: float = field(validator=[ge(0), lt(1)])
    max_tokens: int = field(default=512, validator=ge(1))
    seed: int = 0
    lora: LoraSpec = LoraSpec()
    prompt: PromptSpec = STUDENT
    dtype: Literal["auto", "float32", "bfloat16"] = field(default="auto", metadata=LATER)
    probe: ProbeSpec = field(default=ProbeSpec(), metadata=LATER)


@frozen(kw_only=True)
class SftSpec(_Spec):
    """Supervised fine-tuning on the calls of correct chains; a row is a chain.

    Attributes:
        learning_rate: as of every run; new adapters take larger steps.
        warmup: as of every run.
    """

    learning_rate: float = field(default=1e-3, validator=gt(0))
    warmup: float = field(default=0.05, validator=[ge(0), lt(1)])


@frozen(kw_only=True)
class DpoSpec(_Spec):
    """Direct Preference Optimization against the policy that it starts from; a row is a pair.

    Attributes:
        learning_rate: as of every run.
        warmup: as of every run.
        beta: strength of the tie to the reference.
        loss: TRL's name of the preference loss.
        sft_weight: weight of a negative log-likelihood term on the chosen chain; it keeps the
            chosen chain's likelihood up (iRPO).
        stop_below: stop when the chosen chains' mean log-probability has fallen by more than this
            (nats a chain) against the reference; that is likelihood displacement.
    """

    learning_rate: float = field(default=5e-5, validator=gt(0))
    warmup: float = field(default=0.1, validator=[ge(0), lt(1)])
    beta: float = field(default=0.1, validator=gt(0))
    loss: str = field(default="sigmoid", validator=in_(LOSSES))
    sft_weight: float = field(default=0.2, validator=ge(0))
    stop_below: float = field(default=20.0, validator=gt(0))


@frozen(kw_only=True)
class RunRecord:
    """What a training run did; timings and hosts go to the log, not here.

    Attributes:
        kind: sft, dpo or grpo.
        base: name of the base model, without folders of one machine.
        student_revision: content hash of what training started from, base included.
        start: hash of the adapter that training started from; empty when from the base.
        data: ids of the artifacts trained on.
        spec: the specification, as plain data.
        rows: chains or pairs trained on; of grpo the problems.
        left_out: rows over the token limit; of grpo the sampled chains over it.
        tokens: tokens encoded a pass; `trained_tokens` of them carry loss. Of grpo those of all
            sampled chains.
        steps: optimizer steps.
        metrics: of the first and last logging window, by name.
        adapter: SHA-256 of the adapter's weights file.
        stopped: why training ended early; empty when it did not.
        probes: what the student was worth on its way, from the start on; none unless asked for.
        kept: the step whose weights the adapter has; None without probes, for those of the last.
    """

    kind: Literal["sft", "dpo", "grpo"]
    base: str
    student_revision: str
    start: str
    data: tuple[str, ...]
    spec: dict[str, Any]
    rows: int
    left_out: int
    tokens: int
    trained_tokens: int
    steps: int
    metrics: dict[str, tuple[float, float]]
    adapter: str
    stopped: str = ""
    probes: tuple[Probe, ...] = field(default=(), metadata=LATER)
    kept: int | None = field(default=None, metadata=LATER)
