"""What a training run is told, and what it leaves on record."""

from __future__ import annotations

from typing import Any, Literal

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, lt

from fcpref.core.chains import STUDENT, PromptSpec
from fcpref.core.codec import LATER
from fcpref.core.training.probes import Probe, ProbeSpec

LOSSES = (
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "apo_zero",
    "apo_down",
    "discopop",
    "sigmoid_norm",
)
"""TRL's preference losses of one pair.

Of its other three names ``sft`` is no preference loss but a term beside one: `DpoSpec.sft_weight`.
``aot`` and ``aot_unpaired`` compare the pairs of a batch by rank; a step's pairs go through the
model in parts that fit in memory, so that they would depend on how much of it there is.
"""

_SMOOTHED = ("exo_pair", "robust")
_TAU, _ALPHA = 0.05, 0.5
_OF_MARGINS = ("sigmoid", "hinge", "ipo", "exo_pair", "robust", "discopop", "sigmoid_norm")


@frozen(kw_only=True)
class LoraSpec:
    """Low-rank adapters on all linear layers, without dropout.

    Attributes:
        rank: of the two factors.
        alpha: scale; the update is multiplied by alpha / rank.
        first_layer: adapters sit on this layer and those above; a backward pass ends there.
        rank_stabilised: multiply by alpha / sqrt(rank) instead, so that larger ranks do not learn
            more slowly (rsLoRA, arXiv 2312.03732).
        dora: train each output's magnitude apart from its direction, which the factors change
            (DoRA, arXiv 2402.09353); slower, since whole weights are made in every pass.
        quantised: keep the frozen linear layers in 4 bits (``nf4``: NormalFloat with double
            quantisation, computing in bfloat16; QLoRA, arXiv 2305.14314), some 4.1 bits a weight
            in place of 16. It needs CUDA and bitsandbytes, and goes for an adapter that goes on
            too. The adapter is saved as any other, and loaded on whole weights.
    """

    rank: int = field(default=16, validator=ge(1))
    alpha: int = field(default=32, validator=ge(1))
    first_layer: int = field(default=0, validator=ge(0))
    rank_stabilised: bool = field(default=False, metadata=LATER)
    dora: bool = field(default=False, metadata=LATER)
    quantised: Literal["no", "nf4"] = field(default="no", metadata=LATER)


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
            first trained layer and the quantisation count.
        prompt: how the student's prompt is rendered; the call grammar and the functions on offer
            are each chain's own.
        dtype: of the frozen weights; ``auto`` is bfloat16 where the hardware has it. Adapters are
            in float32.
        probe: how the student is watched while it is trained; not unless asked for.
        method: ``lora`` trains adapters, ``full`` all weights, an adapter of the start summed into
            them first; `lora` counts for nothing then. Full training wants a learning rate some
            ten to a hundred times lower, and 16 bytes a parameter beside the activations (weights,
            gradients and AdamW's two moments in float32: 2.2 GB of 135 million, 116 GB of 7.2
            billion); a checkpoint has 12 of them. On CUDA its passes are in bfloat16 unless
            `dtype` is float32. It leaves a whole model in bfloat16.
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
    method: Literal["lora", "full"] = field(default="lora", metadata=LATER)

    @method.validator
    def _one_way(self, _: Attribute[Any], method: str) -> None:
        # One run must not have two ids.
        if method == "full" and self.lora != LoraSpec():
            raise ValueError("'lora' is of method lora; leave it out with full")


@frozen(kw_only=True)
class SftSpec(_Spec):
    """Supervised fine-tuning on the calls of correct chains; a row is a chain.

    Attributes:
        learning_rate: as of every run; new adapters take larger steps.
        warmup: as of every run.
        onward: of a chain that the oracle went on with, train the oracle's replies only.
    """

    learning_rate: float = field(default=1e-3, validator=gt(0))
    warmup: float = field(default=0.05, validator=[ge(0), lt(1)])
    onward: bool = field(default=False, metadata=LATER)


@frozen(kw_only=True)
class DpoSpec(_Spec):
    """Direct Preference Optimization against the policy that it starts from; a row is a pair.

    Attributes:
        learning_rate: as of every run.
        warmup: as of every run.
        beta: strength of the tie to the reference.
        loss: TRL's name of the preference loss, one of `LOSSES`.
        sft_weight: weight of a negative log-likelihood term on the chosen chain; it keeps the
            chosen chain's likelihood up (iRPO).
        stop_below: stop when the chosen chains' mean log-probability has fallen by more than this
            (nats a chain) against the reference; that is likelihood displacement.
        label_smoothing: of loss ``robust`` the share of pairs taken to be the wrong way round, of
            ``exo_pair``, which must have some, its epsilon (its paper takes 1e-3); below 0.5.
        discopop_tau: of loss ``discopop``, its temperature.
        divergence: from the reference, f-DPO's, of the losses of the difference of two rewards;
            ``reverse_kl`` is DPO's own.
        divergence_alpha: of ``alpha_divergence``, its coefficient.
    """

    learning_rate: float = field(default=5e-5, validator=gt(0))
    warmup: float = field(default=0.1, validator=[ge(0), lt(1)])
    beta: float = field(default=0.1, validator=gt(0))
    loss: str = field(default="sigmoid")
    sft_weight: float = field(default=0.2, validator=ge(0))
    stop_below: float = field(default=20.0, validator=gt(0))
    label_smoothing: float = field(default=0.0, validator=[ge(0), lt(0.5)], metadata=LATER)
    discopop_tau: float = field(default=_TAU, validator=gt(0), metadata=LATER)
    divergence: Literal["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"] = field(
        default="reverse_kl", metadata=LATER
    )
    divergence_alpha: float = field(default=_ALPHA, validator=gt(0), metadata=LATER)

    @loss.validator
    def _known(self, _: Attribute[Any], loss: str) -> None:
        if loss not in LOSSES:
            raise ValueError(f"'loss' must be one of {', '.join(LOSSES)}, not {loss!r}")

    # What a loss leaves out of account is refused: one run must not have two ids.
    @label_smoothing.validator
    def _smoothed(self, _: Attribute[Any], smoothing: float) -> None:
        if smoothing and self.loss not in _SMOOTHED:
            raise ValueError(f"'label_smoothing' is of losses {', '.join(_SMOOTHED)}")
        if not smoothing and self.loss == "exo_pair":
            raise ValueError("loss exo_pair needs a 'label_smoothing', such as 1e-3")

    @discopop_tau.validator
    def _of_discopop(self, _: Attribute[Any], tau: float) -> None:
        if tau != _TAU and self.loss != "discopop":
            raise ValueError("'discopop_tau' is of loss discopop")

    @divergence.validator
    def _divergent(self, _: Attribute[Any], divergence: str) -> None:
        if divergence != "reverse_kl" and self.loss not in _OF_MARGINS:
            raise ValueError(f"'divergence' is of losses {', '.join(_OF_MARGINS)}")

    @divergence_alpha.validator
    def _of_alpha(self, _: Attribute[Any], alpha: float) -> None:
        if alpha != _ALPHA and self.divergence != "alpha_divergence":
            raise ValueError("'divergence_alpha' is of divergence alpha_divergence")


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
        adapter: SHA-256 of the adapter's weights file; of method full, of the model's.
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
