"""Profiles: what `fcpref run` does, as typed values read from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from attrs import evolve, field, frozen
from attrs.validators import ge

from fcpref.core.chains import STUDENT, Limits, PromptSpec
from fcpref.core.codec import structure
from fcpref.core.pairs import PairSpec
from fcpref.core.tasks import Completion
from fcpref.core.training import DpoSpec, SftSpec
from fcpref.errors import CodecError, UsageError
from fcpref.shell.settings import changed

FOLDER = Path(__file__).parent.parent / "profiles"
DEFAULT = "laptop"


@frozen(kw_only=True)
class Source:
    """Problems to generate, or recordings that hold problems and replies.

    Attributes:
        recordings: first digits of the ids of recordings to replay.
        task: of problems to generate; used when there are no recordings.
        count: how many.
        seed: of the generator.
        knobs: of the generator.
        samples: chains a problem.
        temperature: of those.
        prompt: how problems are shown, of chains that are sampled live.
        temperatures: a ladder in place of `temperature` (see `SamplePlan`).
        until_both: sample a problem only until it has a correct and an incorrect chain.
        complete: whether the oracle completes problems that are not solved.
        engine: who is sampled live; empty where nobody is, as for the student's own chains, whose
            model is known. A server's key is read from FCPREF_API_KEY.
        model: its name; of engine ``openai`` the server's own name of it.
        endpoint: base URL of an OpenAI-compatible server, unless FCPREF_ENDPOINT names another.
        concurrency: requests to a server at once.
        limits: of chains that are sampled live by an engine; None for those of the evaluation.
    """

    recordings: tuple[str, ...] = ()
    task: str = "fol.deduction"
    count: int = 0
    seed: int = 0
    knobs: dict[str, Any] = field(factory=dict)
    samples: int = 4
    temperature: float = 1.0
    prompt: PromptSpec = STUDENT
    temperatures: tuple[float, ...] = ()
    until_both: bool = False
    complete: Completion = "none"
    engine: Literal["", "openai", "transformers", "oracle"] = ""
    model: str = ""
    endpoint: str = ""
    concurrency: int = field(default=8, validator=ge(1))
    limits: Limits | None = None


@frozen(kw_only=True)
class EvaluationPlan:
    """The held-out problems and how they are put.

    Attributes:
        problems: first digits of the id of recorded problems; empty to generate them.
        task: of problems to generate.
        count: how many.
        seed: of generator and sampling.
        knobs: of the generator.
        samples: chains a problem beside the greedy one; Wilcoxon's test needs 4.
        temperature: of those.
        limits: of every chain.
        prompt: how problems are shown, of chains that are sampled live.
        before: recordings of the untrained student, greedy then sampled; empty runs it live.
        start: recordings of the warm start, likewise.
    """

    problems: str = ""
    task: str = "fol.deduction"
    count: int = 90
    seed: int = 0
    knobs: dict[str, Any] = field(factory=dict)
    samples: int = 4
    temperature: float = 0.7
    limits: Limits = field(factory=Limits)
    prompt: PromptSpec = STUDENT
    before: tuple[str, ...] = ()
    start: tuple[str, ...] = ()


@frozen(kw_only=True)
class Profile:
    """One run from problems to report.

    Attributes:
        name: the profile's name.
        student: the published base, by model name.
        warm_start: a committed adapter to start preference training from.
        teacher: recordings of the teacher, or the engine that it is sampled by.
        oracle: problems that the oracle solves for supervised training.
        own: the student's own chains, recorded or sampled live.
        sft: supervised training, when there is no warm start; None, without a table ``[sft]``,
            leaves preference training to start from the base.
        paired: whose chains are paired, ``teacher``, ``own`` or both.
        pairs: how pairs are drawn.
        dpo: preference training.
        evaluation: the held-out problems.
    """

    name: str
    student: str
    warm_start: str = ""
    teacher: Source = field(factory=Source)
    oracle: Source = field(factory=Source)
    own: Source = field(factory=Source)
    sft: SftSpec | None = None
    paired: tuple[Literal["teacher", "own"], ...] = ("teacher", "own")
    pairs: PairSpec = field(factory=PairSpec)
    dpo: DpoSpec = field(factory=DpoSpec)
    evaluation: EvaluationPlan = field(factory=EvaluationPlan)


def load_profile(name: str | None) -> Profile:
    """Read a shipped profile by name, or a user's own by path.

    Raises:
        UsageError: there is no such profile, or it does not say what a profile says; the message
            names the file and the field.
    """
    text = name or DEFAULT
    path = Path(text) if text.endswith(".toml") else FOLDER / f"{text}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        shipped = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise UsageError(
            f"no profile {text}; there are {shipped}, or give a path to a .toml file"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as TOML ({error})") from None
    # Unlike other tables these two change some fields of values whose others keep their defaults.
    sft = _flat(_table(data, "sft", path)) if "sft" in data else None
    dpo = _flat(_table(data, "dpo", path))
    try:
        profile = structure({"name": path.stem, **data}, Profile)
        supervised = None if sft is None else changed(SftSpec(), sft)
        return evolve(profile, sft=supervised, dpo=changed(DpoSpec(), dpo))
    except (CodecError, UsageError) as error:
        raise UsageError(f"{path}: {error}") from None


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
