"""Recordings for people: what one holds, in words, and one of its chains as a chat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, fields, frozen

from fcpref.core.canon import ID_PREFIX, short
from fcpref.core.chains import STUDENT, Message, Reply, begin, messages
from fcpref.core.chains import advance as executed
from fcpref.core.chains.values import Limits
from fcpref.core.codec import structure, unstructure
from fcpref.core.problems import Problem
from fcpref.core.report.terminal import visible
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, CodecError, UsageError
from fcpref.shell.engines.base import Request
from fcpref.shell.openings import SHOWN, Opening, kept_openings, recorded_openings
from fcpref.shell.recording_files import PART, read_part
from fcpref.shell.recordings import STAGE, Recorded
from fcpref.shell.reply_keys import ReplyKeys, opening_hash, problem_of, sample_of
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import FORMAT, Artifact, Header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.chains import ChainState
    from fcpref.shell.workspace import Workspace

_FIRST = ("samples", "prompt", "limits")
_ENDLESS = 10**9


@frozen(kw_only=True)
class Contents:
    """A recording, sealed or still growing.

    Attributes:
        path: its file.
        id: of the artifact; empty while it grows.
        header: as sealed, or as it will be; without settings in files of earlier versions.
        replies: all of them.
        problems: by id; empty where their artifact is not here.
    """

    path: Path
    id: str
    header: Header
    replies: tuple[Recorded, ...]
    problems: dict[str, Problem]

    @property
    def identity(self) -> dict[str, str]:
        """The recorded engine's."""
        found = self.header.spec.get("identity")
        return found if isinstance(found, dict) else {}

    @property
    def plan(self) -> SamplePlan | None:
        """The sampling plan, where the header has one."""
        names = {one.name for one in fields(SamplePlan)}
        spec = self.header.spec
        try:
            return structure({key: one for key, one in spec.items() if key in names}, SamplePlan)
        except CodecError:
            return None

    @property
    def openings(self) -> dict[str, tuple[Opening, ...]]:
        """What was shown, by task; empty in files of earlier versions."""
        try:
            return kept_openings(self.header.spec)
        except CodecError as error:
            raise ArtifactError(
                f"{self.path}, line 1: what was shown is no data: {error}"
            ) from None

    @property
    def name(self) -> str:
        """What messages call it: the first digits of its id, or its file."""
        return short(self.id) or str(self.path)

    @property
    def jobs(self) -> tuple[str, ...]:
        """The recorded chains, sorted."""
        return tuple(sorted({item.job for item in self.replies}, key=_order))


def read_recording(workspace: Workspace, name: str) -> Contents:
    """Read a recording named by its path or by the first digits of its id or ``.part`` file.

    A ``.part`` file is read without its lock, so that the run which writes it goes on.

    Raises:
        ArtifactError: there is none, or it is damaged, or of another stage.
    """
    part = _part(workspace, name)
    if part is None:
        artifact = workspace.locate(name, STAGE)
        path, identifier, header = artifact.path, artifact.id, artifact.header
        replies = artifact.values(Recorded)
    else:
        kept, found = read_part(part)
        # As when it is gone on with: the first reply of a place counts.
        replies = tuple({item.place: item for item in reversed(found)}.values())[::-1]
        path, identifier, header = part, "", kept or Header(format=FORMAT, stage=STAGE)
    problems = {}
    if header.parents and any(workspace.paths("problems", short(header.parents[0]))):
        problems = problems_by_id(workspace.find(header.parents[0], "problems"))
    return Contents(path=path, id=identifier, header=header, replies=replies, problems=problems)


def as_artifact(workspace: Workspace, name: str) -> Artifact:
    """Return a recording by name; one that is not sealed as it would be if it ended here.

    Raises:
        ArtifactError: there is none, or it is damaged, or of another stage.
    """
    contents = read_recording(workspace, name)
    if contents.id:
        return workspace.find(contents.id, STAGE)
    return Artifact(
        id="",
        path=contents.path,
        header=evolve(contents.header, count=len(contents.replies)),
        records=tuple(unstructure(item) for item in contents.replies),
    )


def described(contents: Contents) -> dict[str, Any]:
    """Return what a recording holds, as plain data."""
    spec, header = contents.header.spec, contents.header
    replies = [item for item in contents.replies if not item.silent]
    return {
        "path": str(contents.path),
        "id": contents.id,
        "sealed": bool(contents.id),
        "identity": contents.identity,
        "plan": {key: one for key, one in spec.items() if key not in {"identity", SHOWN}},
        "tasks": sorted({problem.task for problem in contents.problems.values()}),
        "problems": header.parents[0] if header.parents else "",
        "problem_count": len({problem_of(job) for job in contents.jobs}),
        "chains": len(contents.jobs),
        "replies": len(replies),
        "silent": len(contents.replies) - len(replies),
        "tokens": sum(item.tokens for item in replies),
        "versions": dict(header.versions),
    }


def summary(contents: Contents) -> str:
    """Return the same for people."""
    data = described(contents)
    identity = {"engine": "unknown", **data["identity"]}
    state = "sealed" if data["sealed"] else "not sealed: a run is writing it or was interrupted"
    lines = [f"recording: {contents.path} ({state})"]
    lines += [f"{name}: {value}" for name, value in identity.items() if value]
    plan = data["plan"]
    lines += [f"{name}: {_words(plan[name])}" for name in _FIRST if name in plan]
    lines += [f"{name}: {_words(value)}" for name, value in plan.items() if name not in _FIRST]
    of = f" of {', '.join(data['tasks'])}" if data["tasks"] else ""
    where = short(data["problems"]) or "unknown"
    missing = "" if contents.problems or not data["problems"] else "; their artifact is not here"
    lines.append(f"problems: {data['problem_count']}{of} ({where}{missing})")
    lines += [f"made with: {name} {version}" for name, version in data["versions"].items()]
    silent = f", {data['silent']} of them end silent" if data["silent"] else ""
    lines.append(
        f"holds: {data['replies']} replies in {data['chains']} chains{silent}, "
        f"{data['tokens']} tokens"
    )
    return "\n".join(lines)


@frozen(kw_only=True)
class Chat:
    """One recorded chain, as far as it can be rebuilt.

    Attributes:
        job: ``PROBLEM-ID/SAMPLE``.
        messages: opening, replies, results.
        notes: what could not be rebuilt, or comes out otherwise today.
    """

    job: str
    messages: tuple[Message, ...]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the chat for people."""
        lines = [f"chain {self.job}"]
        lines += [f"[{message.role}]\n{visible(message.content)}" for message in self.messages]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def find_job(contents: Contents, name: str) -> str:
    """Return the job that ``PROBLEM[/SAMPLE]`` means; the first digits of a problem's id will do.

    Raises:
        UsageError: there is none, or there are several problems that start so.
    """
    problem, _, sample = name.removeprefix(ID_PREFIX).partition("/")
    found = [job for job in contents.jobs if problem and _digits(job).startswith(problem)]
    problems = {problem_of(job) for job in found}
    if not found:
        some = ", ".join(_brief(job) for job in contents.jobs[:3]) or "none"
        raise UsageError(f"{contents.path}: has no chain of problem {name}; there are {some}")
    if len(problems) > 1:
        raise UsageError(f"{name}: {len(problems)} problems start so; give more digits")
    wanted = [job for job in found if not sample or sample_of(job) == sample]
    if not wanted:
        have = ", ".join(sample_of(job) for job in found)
        raise UsageError(f"{contents.path}: has no sample {sample} of that problem, but {have}")
    return wanted[0]


def chat(contents: Contents, job: str) -> Chat:
    """Rebuild the chat of a recorded chain by executing its replies."""
    problem = contents.problems.get(problem_of(job))
    turns = steps_of(contents, job)
    if problem is None:
        said = tuple(Message(role="assistant", content=item.text) for item in turns)
        return Chat(job=job, messages=said, notes=("the problems are not here: replies only",))
    opening = opening_of(contents, problem, turns[0].opening)
    notes = [] if opening else ["what was shown before the problem is not kept and has changed"]
    asked = Message(role="user", content=problem.text)
    plan = contents.plan
    state = _begin(plan, problem, opening.before(asked) if opening else (asked,))
    keys = ReplyKeys(contents.identity)
    for item in turns:
        tools = opening.tools if opening else ()
        request = Request(
            job=job,
            step=item.step,
            messages=messages(state),
            tools=tools,
            temperature=plan.temperature(int(sample_of(job))) if plan else None,
        )
        if opening and item.step and len(notes) == 0 and keys.of(request) != item.key:
            notes.append(
                f"from step {item.step} on, what is shown here is not what the model was shown: a "
                "function's result has changed"
            )
        if item.silent:
            notes.append("the engine had nothing more to say")
            break
        state = executed(state, Reply(text=item.text, tokens=item.tokens))
    return Chat(job=job, messages=messages(state), notes=tuple(notes))


def steps_of(contents: Contents, job: str) -> list[Recorded]:
    """Return the replies of a chain in order; of several for one step, the first."""
    steps: dict[int, Recorded] = {}
    for item in contents.replies:
        if item.job == job:
            steps.setdefault(item.step, item)
    return [steps[step] for step in sorted(steps)]


def opening_of(contents: Contents, problem: Problem, digest: str) -> Opening | None:
    """Return what a chain was opened with, or None where it cannot be rebuilt."""
    last = Message(role="user", content=problem.text)
    for opening in recorded_openings(contents.header.spec, problem):
        said = opening.before(last)
        if opening_hash(Request(job="", step=0, messages=said, tools=opening.tools)) == digest:
            return opening
    return None


def _begin(plan: SamplePlan | None, problem: Problem, shown: Sequence[Message]) -> ChainState:
    prompt = plan.prompt if plan else STUDENT
    toolbox = find_task(problem.task).toolbox.without(prompt.without)
    endless = Limits(calls=_ENDLESS, failures=_ENDLESS, tokens=_ENDLESS)
    return begin(toolbox, problem, shown, endless, prompt.grammar)


def _part(workspace: Workspace, name: str) -> Path | None:
    path = Path(name)
    if path.suffix == PART:
        if not path.is_file():
            raise ArtifactError(f"{path}: no such recording; it may have been sealed meanwhile")
        return path
    if path.exists() or not name or set(name) - set("0123456789abcdef"):
        return None
    found = sorted((workspace.local / STAGE).glob(f"{name}*{PART}"))
    return found[0] if len(found) == 1 and not any(workspace.paths(STAGE, name)) else None


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_words(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " ".join(_words(one) for one in value)
    return str(value)


def _digits(job: str) -> str:
    return problem_of(job).removeprefix(ID_PREFIX)


def _brief(job: str) -> str:
    return f"{short(problem_of(job), 8)}/{sample_of(job)}"


def _order(job: str) -> tuple[str, int, str]:
    sample = sample_of(job)
    return problem_of(job), len(sample), sample
