"""Online training as data: what a chain is worth, and how a policy learns from its own chains.

Source: Shao et al., "DeepSeekMath", arXiv 2402.03300 (Group Relative Policy Optimization).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from attrs import field, frozen
from attrs.validators import ge, gt, le, lt, optional

from fcpref.core.chains import Limits
from fcpref.core.scores import Verdict
from fcpref.core.seeds import derive
from fcpref.core.training.specs import _Spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attrs import Attribute

    from fcpref.core.scores import Score

OnlineLoss = Literal["dapo", "grpo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo", "vespo"]
"""TRL's names; see `GrpoSpec.loss`."""
ONLINE_LOSSES: tuple[OnlineLoss, ...] = get_args(OnlineLoss)


@frozen(kw_only=True)
class Reward:
    """What chains are worth beside 1 for a correct one and 0 for any other.

    The defaults reward nothing but right and supported answers. Whatever they are set to, a correct
    chain is worth more than any other, and all are in [-0.5, 1].

    Attributes:
        unsupported: worth of a right answer that the calls do not establish, from 0 to below 1.
            Above 0 it rewards guessing.
        failed_call: taken off for each failed call, from 0 to 1; all together at most half of
            what a correct chain is worth above an unsupported one.
    """

    unsupported: float = field(default=0.0, validator=[ge(0), lt(1)])
    failed_call: float = field(default=0.0, validator=[ge(0), le(1)])


def reward(score: Score, spec: Reward) -> float:
    """Return what a chain is worth, in [-0.5, 1].

    Args:
        score: the chain's.
        spec: see `Reward`.
    """
    worth = {Verdict.CORRECT: 1.0, Verdict.UNSUPPORTED: spec.unsupported}
    failed = sum(code is not None for code in score.codes)
    penalty = min(spec.failed_call * failed, (1 - spec.unsupported) / 2)
    return worth.get(score.verdict, 0.0) - penalty


@frozen(kw_only=True)
class GrpoSpec(_Spec):
    """Group Relative Policy Optimization: the student samples chains, and learns which did better.

    A row is a chain. At each optimizer step the student solves some problems several times. A
    chain's advantage is its reward less the mean of its problem's chains; where all are worth the
    same, nothing is learnt.

    Attributes:
        learning_rate: as of every run.
        epochs: passes over the problems.
        batch: chains an optimizer step, a multiple of `samples`.
        warmup: as of every run.
        max_tokens: chains with more tokens, prompt included, carry no loss; their reward counts in
            their group, and they are counted.
        samples: chains a problem, its group.
        steps: optimizer steps in place of `epochs`; 0 leaves it to those.
        iterations: optimizer steps on the same chains (mu of arXiv 2402.03300). The clip range
            below matters from the second one on.
        temperature: of the sampling, and of the policy that is trained.
        beta: weight of the KL divergence from the policy at the start, a token; 0 keeps no
            reference, as arXiv 2503.14476 and 2503.20783 do, and as method full has none.
        epsilon: probability ratios are clipped from below at 1 less this.
        epsilon_high: and from above at 1 plus this; None for `epsilon`. 0.28 in arXiv 2503.14476;
            with ``cispo`` it is the clip itself and has to be given, 5 in arXiv 2510.13786.
        loss: TRL's name of how tokens are weighed: ``grpo`` (arXiv 2402.03300) a chain by its
            length, ``dapo`` (arXiv 2503.14476) all tokens of a step alike, ``dr_grpo`` (arXiv
            2503.20783) by the constant `max_tokens`, ``bnpo`` all tokens of a pass alike; others
            in TRL's documentation of ``GRPOConfig.loss_type``.
        scale: what advantages are divided by: the standard deviation of the group's rewards, that
            of the step's, or nothing (as arXiv 2503.20783 advises).
        reward: what chains are worth.
        limits: of each chain; by default those of `fcpref evaluate`.
        prompt: how problems are shown, the call grammar included.
    """

    learning_rate: float = field(default=2e-5, validator=gt(0))
    batch: int = field(default=32, validator=ge(1))
    warmup: float = field(default=0.1, validator=[ge(0), lt(1)])
    max_tokens: int = field(default=1_024, validator=ge(1))
    samples: int = field(default=8, validator=ge(2))
    steps: int = field(default=0, validator=ge(0))
    iterations: int = field(default=1, validator=ge(1))
    temperature: float = field(default=1.0, validator=gt(0))
    beta: float = field(default=0.0, validator=ge(0))
    epsilon: float = field(default=0.2, validator=[gt(0), lt(1)])
    epsilon_high: float | None = field(default=None, validator=optional(gt(0)))
    loss: OnlineLoss = "dapo"
    scale: Literal["group", "batch", "none"] = "group"
    reward: Reward = Reward()
    limits: Limits = Limits(tokens=400)  # noqa: RUF009 - frozen

    @samples.validator
    def _in_whole_groups(self, _: Attribute[int], samples: int) -> None:
        if self.batch % samples:
            raise ValueError(f"'batch' must be a multiple of 'samples': {self.batch} and {samples}")

    @epsilon_high.validator
    def _given_where_it_is_the_clip(self, _: Attribute[float | None], high: float | None) -> None:
        if high is None and self.loss == "cispo":
            raise ValueError("'epsilon_high' is the clip of cispo; give it, such as 5")

    @beta.validator
    def _with_a_reference(self, _: Attribute[float], beta: float) -> None:
        if beta and self.method == "full":
            raise ValueError(
                "'beta' is of method lora, which has a reference; leave it 0 with full"
            )

    @property
    def problems(self) -> int:
        """Problems an optimizer step."""
        return self.batch // self.samples


def drawing_order(names: Sequence[str], spec: GrpoSpec) -> tuple[str, ...]:
    """Return what is solved, in order: each step takes the next `spec.problems` of them.

    Each pass over them has an order of its own, and leaves out those that fill no step.

    Args:
        names: of the problems, each once; at least as many as a step takes.
        spec: how many steps, or how many passes.
    """
    whole = len(names) // spec.problems * spec.problems
    wanted = -(-spec.steps // spec.iterations) * spec.problems or whole * spec.epochs
    order: list[str] = []
    for number in range(-(-wanted // whole)):
        drawn = sorted(names)
        derive(spec.seed, "order", number).shuffle(drawn)
        order += drawn[:whole]
    return tuple(order[:wanted])
