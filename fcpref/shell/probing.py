"""What a training run is probed with: which problems, shown how, and who is told what is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve, frozen

from fcpref.core.chains import Chain, PromptSpec, prompt_of
from fcpref.core.problems import Problem
from fcpref.core.training import (
    DpoSpec,
    GrpoSpec,
    Probe,
    SftSpec,
    checked_probe,
    generated_probe,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fcpref.core.pairs import PreferencePair
    from fcpref.shell.workspace import Workspace

T = TypeVar("T")
Spec = TypeVar("Spec", bound=SftSpec | DpoSpec | GrpoSpec)
OnProbe = Callable[[Probe], None]


@frozen(kw_only=True)
class Probing:
    """The problems of a run's probes.

    Attributes:
        problems: none of them is trained on or tested on.
        prompt: how they are shown.
        on_probe: told of what each probe finds.
    """

    problems: tuple[Problem, ...]
    prompt: PromptSpec
    on_probe: OnProbe = lambda _: None


def pinned(workspace: Workspace, spec: Spec) -> Spec:
    """Return the specification with the whole id of its probe problems, where it names some.

    Raises:
        ArtifactError: there are none, or several.
    """
    named = spec.probe.problems
    if not (spec.probe.every and named):
        return spec
    found = workspace.locate(named, "problems").id
    return evolve(spec, probe=evolve(spec.probe, problems=found))


def probing(
    workspace: Workspace,
    rows: Sequence[Chain] | Sequence[PreferencePair] | Sequence[Problem],
    problems: Mapping[str, Problem],
    spec: SftSpec | DpoSpec | GrpoSpec,
    on_probe: OnProbe,
) -> Probing | None:
    """Return what a run is probed with; None where it is not.

    Task, call grammar and functions on offer are those of most rows.

    Args:
        workspace: where given problems are.
        rows: what is trained on.
        problems: by id, those of the rows.
        spec: of the run, pinned.
        on_probe: told of what each probe finds.

    Raises:
        UsageError: there are no such problems, or some are trained on or of the test split.
        ArtifactError: given problems are not here.
    """
    probe = spec.probe
    if not (probe.every and rows):
        return None
    written = (row for row in rows if not isinstance(row, Problem))
    chains = [row if isinstance(row, Chain) else row.chosen for row in written]
    trained = {chain.problem: problems[chain.problem] for chain in chains}
    if probe.problems:
        given = workspace.find(probe.problems, "problems").values(Problem)
        chosen = checked_probe(probe, given, trained)
        task = chosen[0].task
    else:
        task = probe.task or _most(chain.task for chain in chains)
        chosen = generated_probe(probe, task, trained)
    return Probing(
        problems=chosen,
        prompt=_prompt(chains, task, spec.prompt),
        on_probe=on_probe,
    )


def _prompt(chains: Sequence[Chain], task: str, prompt: PromptSpec) -> PromptSpec:
    alike = [chain for chain in chains if chain.task == task]
    if not alike:
        return evolve(prompt, grammar=_most(chain.grammar for chain in chains))
    kinds = [(chain.grammar, chain.without) for chain in alike]
    return prompt_of(alike[kinds.index(_most(kinds))], prompt)


def _most(items: Iterable[T]) -> T:
    """Return the most frequent item; of equals the first in their order."""
    counts = Counter(items)
    return min(counts, key=lambda one: (-counts[one], repr(one)))
