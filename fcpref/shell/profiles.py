"""Profiles: what `fcpref run` does, as typed values read from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from attrs import evolve, field, frozen
from attrs.validators import ge, le, lt

from fcpref.core.chains import STUDENT, Limits, PromptSpec
from fcpref.core.codec import structure
from fcpref.core.pairs import PairSpec
from fcpref.core.tasks import Completion, Policy
from fcpref.core.training import DEFAULT_RECIPE, DpoSpec, SftSpec, find_recipe
from fcpref.errors import CodecError, UsageError
from fcpref.shell.settings import changed

FOLDER = Path(__file__).parent.parent / "profiles"
DEFAULT = "laptop"
_GENTLE = 3e-4
"""A learning rate at which an adapter goes on that can do something already."""
# Recordings stand for the warm start and the base in the evaluation, so these are one for all.
_SAME = ("name", "student", "recipe", "warm_start", "evaluation")


@frozen(kw_only=True)
class Source:
    """Problems to generate, or recordings that hold problems and replies.

    Attributes:
        recordings: first digits of the ids of recordings to replay.
        task: of the problems; used when there are no recordings.
        file: path of the problems' JSON Lines, of a task that is read from a file.
        count: how many; 0 for none, or for all that a file has of the split.
        seed: of the generator, or of the order in which a file's rows are taken.
        knobs: of the generator.
        samples: chains a problem.
        temperature: of those.
        prompt: how problems are shown, of chains that are sampled live.
        temperatures: a ladder in place of `temperature` (see `SamplePlan`).
        until_both: sample a problem only until it has a correct and an incorrect chain.
        complete: whether the oracle completes problems that are not solved, or each chain.
        policy: how the oracle goes about it.
        slips: how often a failed call goes before one of its own.
        engine: who is sampled live; empty where nobody is, as for the student's own chains, whose
            model is known. A server's key is read from FCPREF_API_KEY.
        model: its name; of engine ``openai`` the server's own name of it.
        endpoint: base URL of an OpenAI-compatible server, unless FCPREF_ENDPOINT names another.
        concurrency: requests to a server at once.
        limits: of the oracle's chains, and of those that an engine is sampled for live; None for
            those of the evaluation.
    """

    recordings: tuple[str, ...] = ()
    task: str = "fol.deduction"
    file: str = ""
    count: int = 0
    seed: int = 0
    knobs: dict[str, Any] = field(factory=dict)
    samples: int = 4
    temperature: float = 1.0
    prompt: PromptSpec = STUDENT
    temperatures: tuple[float, ...] = ()
    until_both: bool = False
    complete: Completion = "none"
    policy: Policy = "shortest"
    slips: float = field(default=0.0, validator=[ge(0), lt(1)])
    engine: Literal["", "openai", "transformers", "oracle"] = ""
    model: str = ""
    endpoint: str = ""
    concurrency: int = field(default=8, validator=ge(1))
    limits: Limits | None = None

    @property
    def has_problems(self) -> bool:
        """Whether it names problems to solve."""
        return bool(self.count or self.file)


@frozen(kw_only=True)
class EvaluationPlan:
    """The held-out problems and how they are put.

    Attributes:
        problems: first digits of the id of recorded problems; empty to make them.
        task: of problems to make.
        file: path of their JSON Lines, of a task that is read from a file.
        count: how many; 0 for all that a file has of the test split.
        seed: of generator, order of a file's rows and sampling.
        knobs: of the generator.
        samples: chains a problem beside the greedy one; Wilcoxon's test needs 4.
        temperature: of those.
        limits: of every chain.
        prompt: how problems are shown, of chains that are sampled live.
        before: recordings of the untrained student, greedy then sampled; empty runs it live.
        start: recordings of the warm start, likewise.
        each_round: of a recipe with rounds, whether the student is evaluated after every one of
            them; otherwise after the last.
    """

    problems: str = ""
    task: str = "fol.deduction"
    file: str = ""
    count: int = 90
    seed: int = 0
    knobs: dict[str, Any] = field(factory=dict)
    samples: int = 4
    temperature: float = 0.7
    limits: Limits = field(factory=Limits)
    prompt: PromptSpec = STUDENT
    before: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    each_round: bool = False


@frozen(kw_only=True)
class Profile:
    """One run from problems to report.

    Attributes:
        name: the profile's name.
        student: the published base, by model name.
        recipe: which training steps there are, by name.
        rounds: of a recipe with rounds, how many at most; one with fewer pairs than a batch of
            preference training ends them.
        warm_start: a committed adapter to start preference training from.
        teacher: recordings of the teacher, or the engine that it is sampled by.
        oracle: problems that the oracle solves for supervised training.
        own: the student's own chains, recorded or sampled live.
        sft: supervised training, when there is no warm start; None, without a table ``[sft]``,
            leaves preference training to start from the base.
        paired: whose chains are paired, ``teacher``, ``own`` or both; of a recipe that takes only
            one of them it is that one.
        pairs: how pairs are drawn.
        dpo: preference training.
        corrections: supervised training on the student's own chains, corrected by the oracle; as
            ``[sft]`` says, one epoch at a lower rate and of corrected chains on the oracle's
            replies only, unless a table ``[corrections]`` says more.
        evaluation: the held-out problems.
    """

    name: str
    student: str
    recipe: str = DEFAULT_RECIPE
    rounds: int = field(default=2, validator=[ge(2), le(16)])
    warm_start: str = ""
    teacher: Source = field(factory=Source)
    oracle: Source = field(factory=Source)
    own: Source = field(factory=Source)
    sft: SftSpec | None = None
    paired: tuple[Literal["teacher", "own"], ...] = ("teacher", "own")
    pairs: PairSpec = field(factory=PairSpec)
    dpo: DpoSpec = field(factory=DpoSpec)
    corrections: SftSpec = field(factory=SftSpec)
    evaluation: EvaluationPlan = field(factory=EvaluationPlan)


def load_profile(name: str | None, recipe: str | None = None) -> Profile:
    """Read a shipped profile by name, or a user's own by path.

    What its tables ``[recipes.NAME]`` say goes, with that recipe, before what the rest says.

    Args:
        name: of the profile, or its path; None is the default.
        recipe: by name, in place of the profile's own.

    Raises:
        UsageError: there is no such profile or recipe, or it does not say what a profile says; the
            message names the file and the field.
    """
    text = name or DEFAULT
    path = Path(text) if text.endswith(".toml") else FOLDER / f"{text}.toml"
    if recipe is not None:
        find_recipe(recipe)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        shipped = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise UsageError(
            f"no profile {text}; there are {shipped}, or give a path to a .toml file"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as TOML ({error})") from None
    changes = _table(data, "recipes", path)
    wanted = recipe or _profile(path, data).recipe
    # What is wrong with a recipe that is not asked for is told of all the same.
    found = {
        one: _profile(path, _with_recipe(path, data, one, changes.get(one, {})))
        for one in (*changes, wanted)
    }
    return found[wanted]


def _profile(path: Path, given: dict[str, Any]) -> Profile:
    data = dict(given)
    # Unlike other tables these change some fields of values whose others keep their defaults.
    sft = _flat(_table(data, "sft", path)) if "sft" in data else None
    dpo = _flat(_table(data, "dpo", path))
    corrections = _flat(_table(data, "corrections", path))
    try:
        profile = structure({"name": path.stem, **data}, Profile)
        supervised = None if sft is None else changed(SftSpec(), sft)
        find_recipe(profile.recipe)
        return evolve(
            profile,
            sft=supervised,
            dpo=changed(DpoSpec(), dpo),
            corrections=changed(
                evolve(supervised or SftSpec(), learning_rate=_GENTLE, epochs=1, onward=True),
                corrections,
            ),
        )
    except (CodecError, UsageError) as error:
        raise UsageError(f"{path}: {error}") from None


def _with_recipe(
    path: Path,
    data: dict[str, Any],
    name: str,
    changes: Any,  # noqa: ANN401 - whatever stands there
) -> dict[str, Any]:
    """Return what a profile says with a recipe: how that pairs, then the profile's changes."""
    try:
        steps = find_recipe(name).steps
    except UsageError as error:
        raise UsageError(f"{path}: [recipes]: {error}") from None
    if not isinstance(changes, dict):
        raise UsageError(f"{path}: [recipes.{name}] must be a table")
    for key in _SAME:
        if key in changes:
            raise UsageError(
                f"{path}: [recipes.{name}] must not set {key}, which is the same for all recipes"
            )
    paired = [{"kinds": list(step.pairs), "weights": []} for step in steps if step.pairs]
    recipe = {"recipe": name, **({"pairs": paired[0]} if paired else {})}
    return _merged(_merged(data, recipe), changes)


def _merged(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(data)
    for key, new in changes.items():
        old = data.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            merged[key] = _merged(old, new)
        else:
            merged[key] = new
    return merged


def _table(data: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    table = data.pop(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [{name}] must be a table")
    return table


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
