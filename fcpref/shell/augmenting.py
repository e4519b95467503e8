"""Stage from problems to more problems: verified rewrites that keep meaning and split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.codec import structure
from fcpref.core.problems import Problem, normalised, problem_id
from fcpref.core.tasks import REWRITES, TASKS, Drop, Rewrite, find_task, rewritten
from fcpref.errors import CodecError, ProblemError, UsageError
from fcpref.shell.progress import SILENT, Progress
from fcpref.shell.versions import redone, versions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.shell.logs import StageLog
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

DUPLICATE = "a duplicate"
MAX_COPIES = 1_000


@frozen(kw_only=True)
class AugmentSpec:
    """How problems are rewritten, as an artifact's header keeps it.

    Attributes:
        problems: id of the problems that are rewritten.
        rewrites: the ways, each taken where a problem allows of it.
        copies: rewrites of a problem at most.
        seed: of the choices.
    """

    problems: str
    rewrites: tuple[Rewrite, ...]
    copies: int = 1
    seed: int = 0


@frozen(kw_only=True)
class Augmented:
    """What rewriting came to.

    Attributes:
        problems: the rewrites.
        dropped: how many there are not, by reason.
    """

    problems: tuple[Problem, ...]
    dropped: Mapping[str, int]

    @property
    def summary(self) -> str:
        """Say it in one line."""
        said = ", ".join(f"{count} ({reason})" for reason, count in self.dropped.items())
        return f"{len(self.problems)} rewrites made" + (f"; dropped: {said}" if said else "")


def augment(
    workspace: Workspace,
    problems: Artifact,
    rewrites: Sequence[str],
    copies: int = 1,
    seed: int = 0,
) -> Artifact:
    """Rewrite problems; stage ``problems``, of the rewrites alone.

    Args:
        workspace: where to write.
        problems: what is rewritten.
        rewrites: ways to rewrite a problem, in any order; see `Rewrite`.
        copies: rewrites of a problem at most, from 1 to 1,000.
        seed: of the choices.

    Raises:
        UsageError: no such way, or none that the problems' tasks have; or no such number of copies.
        ProblemError: no problem can be rewritten.
    """
    spec = AugmentSpec(
        problems=problems.id, rewrites=_kinds(rewrites), copies=_copies(copies), seed=seed
    )
    plan = {
        "problems": spec.problems,
        "rewrites": list(spec.rewrites),
        "copies": spec.copies,
        "seed": spec.seed,
    }
    values = problems.values(Problem)
    _refuse_none(values, spec)
    versions = versions_of(values)

    def make(log: StageLog) -> Artifact:
        found = augmented(values, spec, workspace.progress)
        log.write("rewritten", made=len(found.problems), dropped=dict(found.dropped))
        if not found.problems:
            raise ProblemError(f"{problems.path}: {found.summary}; choose other rewrites")
        workspace.progress.note(found.summary)
        return workspace.write(
            "problems", found.problems, parents=(problems.id,), spec=plan, versions=versions
        )

    return workspace.once("problems", {**plan, **redone(versions)}, make)


def augmented(
    problems: Sequence[Problem], spec: AugmentSpec, progress: Progress = SILENT
) -> Augmented:
    """Rewrite problems; what has the text of another one, given or made, is dropped.

    The result depends on the set of problems only, not on their order.

    Args:
        problems: what is rewritten.
        spec: how.
        progress: shows how far it is.
    """
    texts = {normalised(problem.text) for problem in problems}
    made: list[Problem] = []
    dropped: Counter[str] = Counter()
    with progress.bar("rewrites", len(problems) * spec.copies) as bar:
        for problem in sorted(problems, key=problem_id):
            task = find_task(problem.task)
            for copy in range(spec.copies):
                new = rewritten(task, problem, spec.rewrites, spec.seed, copy)
                bar.advance()
                if isinstance(new, Drop):
                    dropped[new.value] += 1
                elif normalised(new.text) in texts:
                    dropped[DUPLICATE] += 1
                else:
                    texts.add(normalised(new.text))
                    made.append(new)
    return Augmented(problems=tuple(made), dropped=dict(sorted(dropped.items())))


def spec_of(artifact: Artifact) -> AugmentSpec | None:
    """Return how an artifact's problems were rewritten; None where they were not."""
    if "rewrites" not in artifact.header.spec:
        return None
    try:
        return structure(artifact.header.spec, AugmentSpec)
    except CodecError as error:
        raise ProblemError(f"{artifact.path}, line 1: says no such rewrites ({error})") from None


def _kinds(names: Sequence[str]) -> tuple[Rewrite, ...]:
    known = ", ".join(REWRITES)
    if unknown := [name for name in names if name not in REWRITES]:
        raise UsageError(f"there is no rewrite {unknown[0]!r}; there are {known}")
    if not names:
        raise UsageError(f"say how to rewrite: --rewrite {' or '.join(REWRITES)}")
    return tuple(kind for kind in REWRITES if kind in names)


def _copies(count: int) -> int:
    if not 1 <= count <= MAX_COPIES:
        raise UsageError(f"{count} copies cannot be made; ask for 1 to {MAX_COPIES}")
    return count


def _refuse_none(problems: Sequence[Problem], spec: AugmentSpec) -> None:
    """Refuse ways that no task of the problems has."""
    tasks = sorted({problem.task for problem in problems})
    if any(_offered(task) & {*spec.rewrites} for task in tasks):
        return
    ways = {name: [kind for kind in REWRITES if kind in _offered(name)] for name in TASKS}
    have = "; ".join(f"{name}: {', '.join(kinds)}" for name, kinds in ways.items() if kinds)
    wanted = " or ".join(spec.rewrites)
    raise UsageError(f"{', '.join(tasks)} cannot be rewritten by {wanted}; there are {have}")


def _offered(task: str) -> set[Rewrite]:
    offered = find_task(task).rewrites
    return set() if offered is None else {*offered.kinds}
