"""Pairs of an artifact, checked before they train anything, as text and as a student's tokens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from fcpref.core.canon import bytes_id, floatless_bytes
from fcpref.core.chains import prompt_of
from fcpref.core.codec import unstructure
from fcpref.core.pairs import (
    EncodedPair,
    LintReport,
    PreferencePair,
    errors_first,
    lint_report,
    token_report,
)
from fcpref.core.report import Report, Source, html, lint_document, lint_text, markdown
from fcpref.core.training import DpoSpec, judged_replies
from fcpref.errors import UsageError
from fcpref.shell.bulk import bulk
from fcpref.shell.stages_pairs import problems_of
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import write_bytes
from fcpref.shell.tokens import encode_chain, encode_text, opening_of
from fcpref.shell.training_templates import grammars_of, training_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fcpref.core.chains import Message, PromptSpec
    from fcpref.core.functions import Grammar
    from fcpref.core.pairs import Finding
    from fcpref.core.problems import Problem
    from fcpref.shell.model_names import ResolvedModel
    from fcpref.shell.progress import Progress
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

    _Opened = tuple[tuple[Message, ...], tuple[dict[str, Any], ...]]

REMEMBERED = 4_096
"""Texts whose tokens are kept."""

EXECUTED = 1_000
"""Pairs whose chains are executed again; `fcpref verify` executes all."""


@frozen(kw_only=True)
class Linted:
    """A check, and what it took.

    Attributes:
        report: what was found.
        seconds: wall-clock time by part, ``text`` and ``tokenizer``.
        sources: the artifacts that were checked.
    """

    report: LintReport
    seconds: tuple[tuple[str, float], ...]
    sources: tuple[Source, ...] = ()

    @property
    def data(self) -> dict[str, Any]:
        """The whole as plain data."""
        return {**unstructure(self.report), "seconds": dict(self.seconds)}

    def text(self, *, every: bool = False) -> str:
        """Return it as lines for a terminal; see `lint_text`."""
        took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds)
        return f"{lint_text(self.report, every=every)}\n\ntook: {took}"


def write_lint(linted: Linted, out: Path, name: str, *, every: bool = False) -> Path:
    """Write a check as a document, HTML where the file is called so, else Markdown.

    Args:
        linted: the check.
        out: the file.
        name: of what was checked.
        every: list every finding.

    Raises:
        UsageError: the file is called otherwise.
        ArtifactError: it cannot be written.
    """
    write = writer_of(out)
    document = lint_document(linted.report, name=name, sources=linted.sources, every=every)
    write_bytes(out, write(document).encode())
    return out


def writer_of(out: Path) -> Callable[[Report], str]:
    """Return what turns a document into the text of a file.

    Raises:
        UsageError: the file is called neither ``.html`` nor ``.md``.
    """
    writers: dict[str, Callable[[Report], str]] = {".html": html, ".md": markdown}
    if out.suffix not in writers:
        raise UsageError(f"{out}: a report ends in .html or .md; name the file so")
    return writers[out.suffix]


def lint_pairs(
    workspace: Workspace,
    artifact: Artifact,
    held_out: Iterable[Artifact] = (),
    *,
    student: ResolvedModel | None = None,
    spec: DpoSpec | None = None,
) -> tuple[Finding, ...]:
    """Check pairs; see `linted_pairs`, which also tells the numbers."""
    return linted_pairs(workspace, artifact, held_out, student=student, spec=spec).report.findings


def linted_pairs(
    workspace: Workspace,
    artifact: Artifact,
    held_out: Iterable[Artifact] = (),
    *,
    student: ResolvedModel | None = None,
    spec: DpoSpec | None = None,
) -> Linted:
    """Check pairs before they train anything.

    Args:
        workspace: holds what the pairs were made from.
        artifact: the pairs.
        held_out: problems that must not be trained on, beside those of splits dev and test.
        student: whose tokenizer the pairs that are sound as text are checked with, if any.
        spec: how they would train it.

    Raises:
        ModelError: the student's tokenizer cannot be read, or its template lacks the grammar.
        TrainingError: the student's chat template cannot be trained on.
    """
    start = time.monotonic()
    sources = (Source(stage=artifact.header.stage, id=artifact.id),)
    problems = problems_of(workspace, [artifact])
    barred = {key for key, problem in problems.items() if problem.split != "train"}
    for one in held_out:
        there = problems_by_id(one)
        barred |= there.keys()
        problems |= there
    pairs = artifact.values(PreferencePair)
    ids = [bytes_id(floatless_bytes(record)) for record in artifact.records]
    with bulk():
        report = lint_report(pairs, held_out=barred, problems=problems, ids=ids, execute=EXECUTED)
    unfit = {finding.pair for finding in report.findings if finding.severity == "error"}
    sound = {key: pair for key, pair in zip(ids, pairs, strict=True) if key not in unfit}
    text = since(start)
    if student is None or not sound:
        return Linted(report=report, seconds=(("text", text),), sources=sources)
    spec = spec or DpoSpec()

    def encoded(tokenizer: Remembering, done: Callable[[], None]) -> Iterator[EncodedPair]:
        return _encoded(sound, problems, tokenizer, student.name, spec.prompt, done)

    linted = Linted(report=report, seconds=(("text", text),), sources=sources)
    grammars = grammars_of(sound.values())
    return with_tokens(linted, student, encoded, len(sound), spec, workspace.progress, grammars)


Encoder = Callable[["Remembering", Callable[[], None]], "Iterator[EncodedPair]"]
"""Encodes pairs, and calls the function that it is given after each."""


def with_tokens(
    linted: Linted,
    student: ResolvedModel,
    encode: Encoder,
    count: int,
    spec: DpoSpec,
    progress: Progress,
    grammars: Iterable[Grammar] = (),
) -> Linted:
    """Add to a check what a student's tokenizer says.

    Args:
        linted: the check of the same pairs as text.
        student: whose tokenizer it is.
        encode: encodes them with it.
        count: how many they are.
        spec: how they would be trained.
        progress: shows how far the tokenizer is.
        grammars: of the pairs that are encoded by their turns; none where whole chats are.

    Raises:
        ModelError: the student's tokenizer cannot be read.
        TrainingError: the student's chat template cannot be trained on.
    """
    start = time.monotonic()
    found = training_tokenizer(student, grammars)
    if found.note:
        progress.note(found.note)
    tokenizer = Remembering(found.tokenizer)
    loaded = since(start)
    start = time.monotonic()
    with progress.bar("tokens", count) as bar:
        tokens = token_report(encode(tokenizer, bar.advance), spec.max_tokens)
    report = evolve(
        linted.report,
        findings=errors_first((*linted.report.findings, *tokens.findings)),
        lengths=(*linted.report.lengths, *(() if tokens.lengths is None else (tokens.lengths,))),
        trained=tokens.trained,
    )
    took = (("loading the tokenizer", loaded), ("tokenizer", since(start)))
    return evolve(linted, report=report, seconds=(*linted.seconds, *took))


def _encoded(
    pairs: Mapping[str, PreferencePair],
    problems: Mapping[str, Problem],
    tokenizer: Remembering,
    name: str,
    prompt: PromptSpec,
    done: Callable[[], None],
) -> Iterator[EncodedPair]:
    @cache
    def opened(key: str, own: PromptSpec) -> _Opened:
        return opening_of(tokenizer, name, problems[key], own.grammar, own)

    for identifier, pair in pairs.items():
        opening, tools = opened(pair.chosen.problem, prompt_of(pair.chosen, prompt))
        chains = (pair.chosen, pair.rejected)
        chosen, rejected = (
            encode_chain(tokenizer, opening, one, judged, tools, name=name)
            for one, judged in zip(chains, judged_replies(pair), strict=True)
        )
        texts = [encode_text(tokenizer, opening, one, tools) for one in chains]
        said = [problems[pair.chosen.problem].text]
        said += (
            text for one in chains for turn in one.turns for text in (turn.reply, turn.outcome.text)
        )
        yield EncodedPair(
            pair=identifier,
            chosen=chosen,
            rejected=rejected,
            chosen_text=texts[0],
            rejected_text=texts[1],
            marks=tokenizer.special_in("\n".join(said)),
        )
        done()


class Remembering:
    """A tokenizer that encodes a text once: pairs share their prompts and most of their calls."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - transformers ships no useful types
        """Wrap a tokenizer with a chat template."""
        self._tokenizer = tokenizer
        self.apply_chat_template = tokenizer.apply_chat_template
        self.added_tokens_decoder = dict(tokenizer.added_tokens_decoder)
        special = (token.content for token in self.added_tokens_decoder.values() if token.special)
        longest_first = sorted(map(re.escape, special), key=lambda text: (-len(text), text))
        # Nothing matches what can be nowhere.
        self._special = re.compile("|".join(longest_first) or r"(?!)")
        self._encoded = lru_cache(maxsize=REMEMBERED)(self._encode)

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, tuple[int, ...]]:
        """Encode a text."""
        return {"input_ids": self._encoded(text, add_special_tokens)}

    def special_in(self, text: str) -> tuple[str, ...]:
        """Return the special tokens that a text spells out."""
        return tuple(sorted({*self._special.findall(text)}))

    def _encode(self, text: str, special: bool) -> tuple[int, ...]:  # noqa: FBT001 - for the cache
        return tuple(self._tokenizer(text, add_special_tokens=special)["input_ids"])


def since(start: float) -> float:
    """Return the seconds since a time of the monotonic clock."""
    return round(time.monotonic() - start, 3)
