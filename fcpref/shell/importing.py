"""Chains that were made elsewhere become recordings: driven through the loop, replayable later.

Only what the model said is taken over. Each reply is executed here, so that results, outcomes and
scores are those of this package; where a row was told otherwise, that is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from fcpref.core.canon import ID_PREFIX, short
from fcpref.core.chains import Chain, Limits, PromptSpec, Reply
from fcpref.errors import ProblemError
from fcpref.shell.chat_logs import ChatRow, read_chats
from fcpref.shell.engines.imported import ImportedEngine
from fcpref.shell.recordings_edit import some_of
from fcpref.shell.row_files import rows_hash
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.stages_chains import model_chains
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import Artifact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fcpref.core.functions import Grammar
    from fcpref.core.problems import Problem
    from fcpref.shell.workspace import Workspace

_SHORTEST_ID = 8
_FEW = 5


@frozen(kw_only=True)
class Imported:
    """What came of a file.

    Attributes:
        rows: chats in the file.
        earlier: rows that are earlier turns of another one.
        chains: artifacts of chains; the recording of each is its second parent. There are several
            where problems have different numbers of chats, or chats of both grammars.
        repeated: chats of preference rows that stand in an earlier row too; they are one chain.
        skipped: lines that became no chain, by reason; with the file's name in a folder.
        surplus: replies that came after their chain had ended.
        silent: chains that ran out of replies before they had ended.
        told_otherwise: chains that had been told another result than the call has here.
    """

    rows: int
    earlier: int
    repeated: int
    chains: tuple[Artifact, ...]
    skipped: Mapping[str, tuple[int | str, ...]]
    surplus: int
    silent: int
    told_otherwise: int


@frozen(kw_only=True)
class _Spoken:
    """The replies of a row to its problem, and what was told after the reply of each number."""

    replies: tuple[Reply, ...]
    told: Mapping[int, str]


def import_chats(
    workspace: Workspace,
    file: Path,
    problems: Artifact,
    *,
    model: str = "unknown",
    grammar: Grammar | None = None,
    limits: Limits | None = None,
) -> Imported:
    """Import chats about problems.

    A row is about the problem whose text is one of its user turns, white space aside, or whose id,
    or the first 8 digits of it or more, is the row's field ``problem``. The assistant's turns after
    that user turn are the chain; earlier ones are worked examples.

    Args:
        workspace: where to write.
        file: rows as JSON Lines, a JSON list or Parquet, or a folder of these; see `chat_logs`.
        problems: what the chats may be about.
        model: who replied, for the recording's identity.
        grammar: how calls are written; told by each row when None.
        limits: of each chain.

    Raises:
        ProblemError: the file cannot be read, a row is no chat, or no row is about a problem.
    """
    rows, earlier = read_chats(file)
    found = _Matcher(problems)
    skipped: dict[str, list[int | str]] = {}
    seen: set[tuple[Grammar, str, tuple[str, ...]]] = set()
    repeated = 0
    spoken: dict[tuple[Grammar, str], list[_Spoken]] = {}
    for row in rows:
        name, at, why = found.problem_of(row)
        one = _spoken(row, at)
        if not why and not one.replies:
            why = "the assistant says nothing after the problem"
        if why:
            skipped.setdefault(why, []).append(row.place)
            continue
        if row.judged:
            key = (grammar or row.grammar, name, tuple(reply.text for reply in one.replies))
            if key in seen:
                repeated += 1
                continue
            seen.add(key)
        spoken.setdefault((grammar or row.grammar, name), []).append(one)
    if not spoken:
        reasons = "; ".join(f"{why} (line {lines[0]})" for why, lines in skipped.items())
        raise ProblemError(f"{file}: no row is about a problem of {problems.path}: {reasons}")
    identity = {
        "engine": "import",
        "model": model,
        "revision": rows_hash(file),
        "template": "unknown",
        "sampling": "unknown",
    }
    chains = tuple(
        _recorded(workspace, problems, identity, group, limits or Limits())
        for group in _groups(spoken)
    )
    told = [
        (chain, spoken[chain.grammar, chain.problem][chain.sample])
        for artifact in chains
        for chain in artifact.values(Chain)
    ]
    return Imported(
        rows=len(rows) + earlier,
        earlier=earlier,
        repeated=repeated,
        chains=chains,
        skipped={why: tuple(lines) for why, lines in skipped.items()},
        surplus=sum(len(one.replies) - len(chain.turns) for chain, one in told),
        silent=sum(chain.stop == "silent" for chain, _ in told),
        told_otherwise=sum(_told_otherwise(chain, one) for chain, one in told),
    )


def as_data(done: Imported) -> dict[str, Any]:
    """Return what came of a file, as plain data."""
    artifacts = [
        {
            "chains": artifact.id,
            "recording": artifact.header.parents[1],
            "problems": artifact.header.parents[0],
            "count": artifact.header.count,
            "samples": artifact.header.spec["samples"],
            "grammar": _grammar(artifact),
            "path": str(artifact.path),
        }
        for artifact in done.chains
    ]
    counts = {name: one for name, one in asdict(done, recurse=False).items() if name != "chains"}
    return {**counts, "artifacts": artifacts}


def summary(done: Imported) -> str:
    """Return what came of a file, for people."""
    chains = sum(artifact.header.count for artifact in done.chains)
    lines = [f"{chains} chains from {done.rows} rows"]
    for artifact in done.chains:
        recording = short(artifact.header.parents[1])
        spec = artifact.header.spec
        lines.append(
            f"chains {short(artifact.id)}: {artifact.header.count}, {spec['samples']} a problem, "
            f"grammar {_grammar(artifact)}, recording {recording}"
        )
    counts = {
        "rows that are earlier turns of another": done.earlier,
        "chats that another row has too": done.repeated,
        "replies after the end of their chain": done.surplus,
        "chains that ran out of replies": done.silent,
        "chains that had been told other results": done.told_otherwise,
    }
    lines += [f"{what}: {count}" for what, count in counts.items() if count]
    for why, numbers in done.skipped.items():
        some = ", ".join(map(str, numbers[:_FEW])) + (", ..." if len(numbers) > _FEW else "")
        lines.append(f"rows skipped: {len(numbers)}, {why} (line {some})")
    return "\n".join(lines)


def _grammar(chains: Artifact) -> str:
    prompt = chains.header.spec.get("prompt")
    return str(prompt.get("grammar", "python")) if isinstance(prompt, dict) else "python"


class _Matcher:
    """Finds the problem that a row is about."""

    def __init__(self, problems: Artifact) -> None:
        self._problems = problems_by_id(problems)
        self._names: dict[str, list[str]] = {}
        for name, problem in self._problems.items():
            self._names.setdefault(_words(problem.text), []).append(name)
        self._starts: dict[str, list[str]] = {}
        for name in self._problems:
            self._starts.setdefault(short(name, _SHORTEST_ID), []).append(name)

    def problem_of(self, row: ChatRow) -> tuple[str, int, str]:
        """Return a problem's id and the place of its user turn, or else why there is none."""
        named = self._named(row.problem) if row.problem else None
        if named is not None and len(named) != 1:
            return "", 0, "no problem has the id that the row names"
        asked = [place for place, one in enumerate(row.said) if one.role == "user"]
        for place in reversed(asked):
            found = self._names.get(_words(row.said[place].text), [])
            if named is not None and named[0] in found:
                return named[0], place, ""
            if named is None and len(found) == 1:
                return found[0], place, ""
            if named is None and len(found) > 1:
                return "", 0, "several problems have its text and the row names none"
        if named is not None:
            # In words of its own; then the whole chat is about it.
            return named[0], min(asked, default=-1), ""
        return "", 0, "no user turn is the text of a problem and the row names none"

    def _named(self, text: str) -> list[str]:
        # Shorter ones are no key of these.
        near = self._starts.get(short(text, _SHORTEST_ID), [])
        return [name for name in near if name.startswith(ID_PREFIX + text.removeprefix(ID_PREFIX))]


def _spoken(row: ChatRow, at: int) -> _Spoken:
    replies: list[Reply] = []
    told: dict[int, str] = {}
    after = zip(row.said[at + 1 :], row.tokens[at + 1 :], strict=True)
    for one, tokens in after:
        if one.role == "assistant":
            replies.append(Reply(text=one.text, tokens=tokens))
        elif replies:
            told.setdefault(len(replies) - 1, one.text)
    return _Spoken(replies=tuple(replies), told=told)


def _told_otherwise(chain: Chain, one: _Spoken) -> bool:
    return any(
        step in one.told and _words(one.told[step]) != _words(turn.outcome.text)
        for step, turn in enumerate(chain.turns)
    )


def _groups(
    spoken: Mapping[tuple[Grammar, str], Sequence[_Spoken]],
) -> list[dict[tuple[Grammar, str], Sequence[_Spoken]]]:
    """Return groups of one grammar and one number of chats a problem; a plan has only one."""
    groups: dict[tuple[str, int], dict[tuple[Grammar, str], Sequence[_Spoken]]] = {}
    for key, chats in spoken.items():
        groups.setdefault((key[0], len(chats)), {})[key] = chats
    return [groups[key] for key in sorted(groups)]


def _recorded(
    workspace: Workspace,
    problems: Artifact,
    identity: Mapping[str, str],
    group: Mapping[tuple[Grammar, str], Sequence[_Spoken]],
    limits: Limits,
) -> Artifact:
    grammar, count = next((key[0], len(chats)) for key, chats in group.items())
    known: dict[str, Problem] = problems_by_id(problems)
    asked = {name: known[name] for _, name in group}
    replies = {
        f"{name}/{sample}": one.replies
        for (_, name), chats in group.items()
        for sample, one in enumerate(chats)
    }
    plan = SamplePlan(
        samples=count, prompt=PromptSpec(detail="signatures", grammar=grammar), limits=limits
    )
    about = problems if len(asked) == len(known) else some_of(workspace, problems, asked)
    return model_chains(workspace, about, ImportedEngine(replies, identity), plan)


def _words(text: str) -> str:
    return " ".join(text.split())
