"""Probes a student while it is trained, stops a run that collapses, and keeps the best weights.

The student is sampled as it is, adapters active, without a copy: the engine's passes go through the
same modules as training's. Random states and modes are put back, so that a run with probes takes
the same steps as one without.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import torch
from transformers import TrainerCallback

from fcpref.core.problems import problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec, Probe, best_of, probe_of, stop_reason
from fcpref.shell import processes
from fcpref.shell.adapters import base_of
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.random_states import random_state, set_random_state
from fcpref.shell.sampling import SamplePlan, sample_chains

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fcpref.core.training import SftSpec
    from fcpref.shell.model_names import ResolvedModel
    from fcpref.shell.probing import Probing

_ROWS = 64
_COUNTS = tuple(one.name for one in attrs.fields(Probe) if one.name != "step")


class ProbeGuard(TrainerCallback):
    """Takes probes of a run.

    Of several processes each solves its share of the problems and all add up what was found, so
    that they decide alike and none waits for one that has gone on.

    Attributes:
        probes: what was found so far.
        stopped: why the run was ended; empty when it was not.
    """

    def __init__(
        self,
        probing: Probing,
        spec: SftSpec | DpoSpec,
        model: Any,  # noqa: ANN401 - transformers and PEFT are partly typed
        tokenizer: Any,  # noqa: ANN401
        student: ResolvedModel,
    ) -> None:
        """Keep what is needed; nothing is sampled yet.

        Args:
            probing: the problems.
            spec: of the run.
            model: the one that is trained.
            tokenizer: its tokenizer.
            student: what it was loaded from, for messages.
        """
        self.probing, self.spec = probing, spec.probe
        self.remedy = "lower the learning rate"
        if isinstance(spec, DpoSpec):
            self.remedy += " or raise sft_weight"
        self.probes: list[Probe] = []
        self.stopped = ""
        self._model, self._tokenizer, self._student = model, tokenizer, student
        self._best: dict[str, torch.Tensor] = {}
        self._trainer: Any = None

    @property
    def kept(self) -> int:
        """Return the step whose weights are kept."""
        found = best_of(self.probes) if self.spec.keep == "best" else self.probes[-1]
        return found.step

    def begin(self, trainer: Any, common: Mapping[str, Any]) -> None:  # noqa: ANN401
        """Take the trainer, and what a checkpoint says of the run so far.

        Args:
            trainer: it calls this from now on.
            common: of the checkpoint; empty at the beginning of a run.
        """
        self._trainer = trainer
        earlier = common.get("probes")
        if earlier is not None:
            self.probes = [Probe(**one) for one in earlier["found"]]
            self._best = dict(earlier["best"])

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint has to say of the run so far."""
        found = [attrs.asdict(one) for one in self.probes]
        return {"probes": {"found": found, "best": self._best}}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Probe the start; of a run that goes on, that was done before."""
        if not self.probes:
            self._probe(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Probe where it is time, and end a run that goes wrong."""
        if state.global_step % self.spec.every:
            return
        self._probe(state.global_step)
        self.stopped = stop_reason(self.probes, self.spec, self.remedy)
        if self.stopped:
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Probe the end, and put the best weights in place."""
        if self.probes[-1].step != state.global_step:
            self._probe(state.global_step)
        parameters = dict(self._model.named_parameters())
        with torch.no_grad():
            for name, weight in self._best.items():
                parameters[name].copy_(weight)

    def _probe(self, step: int) -> None:
        own = self._solved(step)
        counts = torch.tensor([getattr(own, name) for name in _COUNTS])
        accelerator = self._trainer.accelerator
        every = accelerator.reduce(counts.to(accelerator.device), "sum").tolist()
        probe = Probe(step=step, **dict(zip(_COUNTS, every, strict=True)))
        self.probes.append(probe)
        self.probing.on_probe(probe)
        if self.spec.keep == "best" and best_of(self.probes) is probe:
            self._best = {
                name: one.detach().to("cpu", copy=True)
                for name, one in self._model.named_parameters()
                if one.requires_grad
            }

    def _solved(self, step: int) -> Probe:
        """Let the student solve this process's share of the problems."""
        mine = self.probing.problems[processes.number() :: processes.count()]
        limits = self.spec.limits
        plan = SamplePlan(samples=1, prompt=self.probing.prompt, limits=limits)
        with _sampled(self._model) as model:
            engine = TransformersEngine(
                model,
                self._tokenizer,
                name=self._student.name,
                revision=f"{self._student.revision} step {step}",
                sampling=Sampling(reply_tokens=limits.reply_tokens),
                rows=min(_ROWS, max(1, len(mine))),
            )
            chains = sample_chains(mine, engine, plan)
        problems = {problem_id(problem): problem for problem in mine}
        return probe_of(
            step, (find_task(one.task).score(one, problems[one.problem]) for one in chains)
        )


@contextmanager
def _sampled(model: Any) -> Iterator[Any]:  # noqa: ANN401
    """Give the model to sample from; modes and random states are put back."""
    modes = [(module, module.training) for module in model.modules()]
    before = random_state()
    model.eval()
    try:
        yield base_of(model)
    finally:
        for module, mode in modes:
            module.training = mode
        set_random_state(before)
