"""Chains -> token ids and which of them carry loss, exactly as the engine feeds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from fcpref.core.chains import Encoded, Message, prompt_of, render, schemas, told
from fcpref.core.prefixes import shared_length
from fcpref.core.tasks import find_task
from fcpref.errors import TrainingError
from fcpref.shell.templates import before_mark, render_chat, require_tools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Chain, PromptSpec
    from fcpref.core.functions import Grammar
    from fcpref.core.problems import Problem

_SOME = 60


def opening_of(
    tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
    name: str,
    problem: Problem,
    grammar: Grammar,
    prompt: PromptSpec,
) -> tuple[tuple[Message, ...], tuple[dict[str, Any], ...]]:
    """Return the messages before a chain's first reply, and its functions' JSON schemas.

    Args:
        tokenizer: with a chat template.
        name: the model's, for messages.
        problem: what the chain is about.
        grammar: the chain's call grammar, which goes before the prompt's.
        prompt: how the problem is shown.

    Raises:
        ModelError: the `tools` grammar, and a chat template that knows no tools.
    """
    task = find_task(problem.task)
    own = evolve(prompt, grammar=grammar)
    tools = schemas(own, task.toolbox)
    require_tools(tokenizer, tools, name)
    return render(own, task.toolbox, problem, task.exemplars), tools


def encode_chain(
    tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
    opening: Sequence[Message],
    chain: Chain,
    trained: Sequence[bool],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    name: str = "the student",
) -> Encoded:
    """Encode a chain piece by piece, so that no token spans a boundary between the two speakers.

    In the `tools` grammar a call is what the template prints of it, which is also what the model
    reads of its earlier calls; a reply that is no call is its text. Spaces around a reply are the
    template's, for the same reason: many trim a reply, some put a space before it.

    Args:
        tokenizer: with a chat template.
        opening: the messages before the first reply.
        chain: the chain.
        trained: for each reply, whether it carries loss.
        tools: JSON schemas of the functions in the `tools` grammar.
        name: the model's, for messages.

    Raises:
        TrainingError: the template rewrites earlier turns, so what is trained would differ from
            what is generated, or does not end a turn with a token of its own.
    """
    chat = list(opening)
    text = render_chat(tokenizer, chat, tools)
    prompt = _encode(tokenizer, text)
    marks = set(tokenizer.added_tokens_decoder)
    ids: list[int] = []
    mask: list[bool] = []
    turns: list[tuple[int, int, int]] = []
    for turn, carries in zip(chain.turns, trained, strict=True):
        chat.append(Message(role="assistant", content=turn.reply))
        printed = _printed(tokenizer, chat, text, tools, name) if tools else None
        chat.append(told(turn.reply, turn.outcome.text, chain.grammar))
        after = render_chat(tokenizer, chat, tools)
        said = _spaced(turn.reply, text, after) if printed is None else printed
        if not after.startswith(text + said):
            raise _rewrites(name, text + said, after)
        reply, glue = _encode(tokenizer, said), _encode(tokenizer, after[len(text + said) :])
        # The glue opens with the end-of-turn mark, which the model writes itself.
        if not glue or glue[0] not in marks:
            raise _no_mark(name)
        turns.append((len(ids), len(ids) + len(reply), len(ids) + len(reply) + len(glue)))
        ids += reply + glue
        mask += [carries] * (len(reply) + 1) + [False] * (len(glue) - 1)
        text = after
    last = len(mask) - mask[::-1].index(True) if True in mask else 0
    return Encoded(
        prompt=tuple(prompt),
        completion=tuple(ids[:last]),
        mask=tuple(mask[:last]),
        turns=tuple(turns),
    )


def encode_text(
    tokenizer: Any,  # noqa: ANN401
    opening: Sequence[Message],
    chain: Chain,
    tools: Sequence[Mapping[str, Any]] = (),
) -> tuple[int, ...]:
    """Encode a chain's whole chat as one text, as trainers do that know no boundaries."""
    chat = list(opening)
    for turn in chain.turns:
        chat.append(Message(role="assistant", content=turn.reply))
        chat.append(told(turn.reply, turn.outcome.text, chain.grammar))
    return tuple(_encode(tokenizer, render_chat(tokenizer, chat, tools)))


def encode_row(
    tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
    name: str,
    problem: Problem,
    chain: Chain,
    prompt: PromptSpec,
    trained: Sequence[bool],
) -> Encoded:
    """Encode a chain behind its prompt; grammar and functions are the chain's, not the prompt's.

    Args:
        tokenizer: with a chat template.
        name: the model's, for messages.
        problem: what the chain is about.
        chain: the chain.
        prompt: how the problem is shown.
        trained: for each reply, whether it carries loss.

    Raises:
        ModelError: the `tools` grammar, and a chat template that knows no tools.
        TrainingError: the template cannot be trained on, see `encode_chain`.
    """
    own = prompt_of(chain, prompt)
    opening, tools = opening_of(tokenizer, name, problem, own.grammar, own)
    return encode_chain(tokenizer, opening, chain, trained, tools, name=name)


def _spaced(reply: str, before: str, after: str) -> str:
    """Return a reply as a template wrote it, whose spaces around it may be others."""
    turn = after.removeprefix(before)
    if reply.strip() and turn.startswith(reply):
        return reply
    said = turn.lstrip()
    start = len(turn) - len(said)
    # A template may have changed more than spaces: then this is no beginning of the turn either.
    if not said.startswith(reply.strip()):
        return reply
    rest = said[len(reply.strip()) :]
    return turn[: start + len(reply.strip()) + len(rest) - len(rest.lstrip())]


def _printed(
    tokenizer: Any,  # noqa: ANN401
    chat: Sequence[Message],
    before: str,
    tools: Sequence[Mapping[str, Any]],
    name: str,
) -> str:
    text = render_chat(tokenizer, chat, tools, prompt=False)
    if not text.startswith(before):
        raise _rewrites(name, before, text)
    said = before_mark(tokenizer, text[len(before) :])
    if said is None:
        raise _no_mark(name)
    return said


def _rewrites(name: str, before: str, after: str) -> TrainingError:
    """Say where a chat parts from what it was before a message was added to it."""
    at = shared_length(before, after)
    # From the line's start, or a little before: a bare tail of a word says nothing.
    start = max(before.rfind("\n", 0, at) + 1, at - _SOME)
    was, now = (repr(text[start : at + _SOME]) for text in (before, after))
    return TrainingError(
        f"{name}: its chat template is not prefix-preserving: what reads {was} becomes {now} when "
        "the next message is added; use a model whose template is"
    )


def _no_mark(name: str) -> TrainingError:
    return TrainingError(
        f"{name}: its chat template ends no turn with a special token; use a model whose does"
    )


def _encode(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
