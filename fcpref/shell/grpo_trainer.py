"""TRL's GRPOTrainer on chains of our agent loop: its advantages and losses, our rollouts.

The policy in training solves problems through TRL's hook for rollouts, in both call grammars. TRL's
own loop over tools (``tools``, ``environment_factory``) is not used: it tells the model of a slip
in words of its own, ends a chain at the first reply that is no call, executes several calls of one
reply, goes on after `Answer`, and knows only the chat templates in its list. A student would be
trained in another setting than the one that it is scored, recorded and evaluated in. What the model
reads of the functions is the same: their JSON schemas through its own chat template.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from attrs import evolve
from trl import GRPOTrainer

from fcpref.core.chains import Encoded, Spoken, encode_sampled
from fcpref.core.scores import Score, Verdict
from fcpref.core.seeds import derive_seed
from fcpref.core.tasks import find_task
from fcpref.core.training import reward
from fcpref.shell.adapters import base_of
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.resuming import Resuming
from fcpref.shell.sampling import SamplePlan, sample_chains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Chain
    from fcpref.core.problems import Problem
    from fcpref.core.training import GrpoSpec
    from fcpref.shell.engines.base import Request

METRICS = (
    "loss",
    "reward",
    "frac_reward_zero_std",
    "entropy",
    "kl",
    "calls",
    "failed_calls",
    *Verdict,
)
"""What a run's record says of the first and of the last steps; verdicts are shares of chains, and
left out where there were none."""

_ENDS = frozenset(Verdict) - {Verdict.CORRECT}


class Rollouts:
    """Solves problems with the policy as it is, and says what the chains are worth."""

    def __init__(
        self,
        problems: Mapping[str, Problem],
        tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
        name: str,
        spec: GrpoSpec,
    ) -> None:
        """Keep what all steps have in common.

        Args:
            problems: by id, all that there are.
            tokenizer: the student's.
            name: the student's, for messages.
            spec: how chains are sampled and what they are worth.
        """
        self._problems = problems
        self._tokenizer, self._name, self._spec = tokenizer, name, spec
        self._measured: dict[str, float] = {}

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the tokens of a chain for each prompt, as TRL's ``rollout_func`` has to.

        Args:
            prompts: ids of problems, each as often as it is to be solved.
            trainer: whose model is the policy.
        """
        model = trainer.accelerator.unwrap_model(trainer.model)
        training = model.training
        model.eval()
        try:
            sampled = self._sampled(base_of(model), prompts, trainer.state.global_step)
        finally:
            model.train(training)
        scores = [
            find_task(chain.task).score(chain, self._problems[chain.problem])
            for chain, _ in sampled
        ]
        whole = [encoded for _, encoded in sampled]
        kept = [_within(encoded, self._spec.max_tokens) for encoded in whole]
        self._measured = {
            **_measures(scores),
            "tokens": float(sum(one.length for one in whole)),
            "trained_tokens": float(sum(sum(one.mask) for one in kept)),
            "left_out": float(sum(one is not own for one, own in zip(whole, kept, strict=True))),
        }
        return {
            "prompt_ids": [list(one.prompt) for one in kept],
            "completion_ids": [list(one.completion) for one in kept],
            # Of use to TRL where another engine samples; here it is the policy that is trained.
            "logprobs": None,
            "env_mask": [[int(carries) for carries in one.mask] for one in kept],
            "worth": [reward(score, self._spec.reward) for score in scores],
        }

    def worth(self, *, worth: list[Any], log_metric: Any, **_: Any) -> list[Any]:  # noqa: ANN401
        """Return the rewards of the last chains, as TRL asks for them; log how these ended."""
        for name, value in self._measured.items():
            log_metric(name, value)
        return worth

    def _sampled(
        self,
        model: Any,  # noqa: ANN401
        prompts: Sequence[str],
        step: int,
    ) -> list[tuple[Chain, Encoded]]:
        """Return a chain for each prompt, with the tokens that were sampled."""
        spec = self._spec
        heard: dict[str, list[Spoken]] = defaultdict(list)

        def on_tokens(request: Request, spoken: Spoken) -> None:
            heard[request.job].append(spoken)

        engine = TransformersEngine(
            model,
            self._tokenizer,
            name=self._name,
            revision="",
            sampling=Sampling(
                temperature=spec.temperature,
                reply_tokens=spec.limits.reply_tokens,
                seed=derive_seed(spec.seed, "grpo", step),
            ),
            on_tokens=on_tokens,
        )
        wanted = Counter(prompts)
        plan = SamplePlan(samples=max(wanted.values()), prompt=spec.prompt, limits=spec.limits)
        problems = [self._problems[one] for one in wanted]
        made: dict[str, list[Chain]] = defaultdict(list)
        for chain in sample_chains(problems, engine, plan):
            made[chain.problem].append(chain)
        chains = [made[one].pop(0) for one in prompts]
        return [
            (chain, encode_sampled(heard[f"{chain.problem}/{chain.sample}"])) for chain in chains
        ]


class OnlineTrainer(Resuming, GRPOTrainer):
    """TRL's GRPOTrainer, with checkpoints of ours."""

    def _save_checkpoint(self, *arguments: Any) -> None:  # noqa: ANN401
        # Between two steps on the same chains these would have to be kept too.
        if self.state.global_step % self.num_iterations == 0:
            super()._save_checkpoint(*arguments)


def summary(history: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Return means of what was logged over the first and the last tenth of the steps.

    Args:
        history: what was logged at each step.
    """
    window = max(1, len(history) // 10)
    found = {}
    for name in METRICS:
        ends = (history[:window], history[-window:])
        first, last = ([one[name] for one in end if name in one] for end in ends)
        never = name in _ENDS and not any(first + last)
        if first and last and not never:
            found[str(name)] = (_mean(first), _mean(last))
    return found


def _within(encoded: Encoded, limit: int) -> Encoded:
    """Return a chain that is too long without loss, and no longer than it may be."""
    if encoded.length <= limit:
        return encoded
    room = max(1, limit - len(encoded.prompt))
    return evolve(encoded, completion=encoded.completion[:room], mask=(False,) * room)


def _measures(scores: Sequence[Score]) -> dict[str, float]:
    verdicts = Counter(score.verdict for score in scores)
    codes = [code for score in scores for code in score.codes]
    return {
        **{str(verdict): verdicts[verdict] / len(scores) for verdict in Verdict},
        "calls": len(codes) / len(scores),
        "failed_calls": sum(code is not None for code in codes) / len(codes),
    }


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)
