"""Chains -> token ids and which of them carry loss, exactly as the engine feeds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from fcpref.core.chains import Encoded, Message, render, schemas, told
from fcpref.core.tasks import find_task
from fcpref.errors import TrainingError
from fcpref.shell.templates import before_mark, lead_of, render_chat, require_tools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Chain, PromptSpec
    from fcpref.core.functions import Grammar
    from fcpref.core.problems import Problem

_REWRITES = "the chat template is not prefix-preserving; use a model whose template is"
_NO_MARK = "the chat template ends no turn with a special token; use a model whose does"


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
) -> Encoded:
    """Encode a chain piece by piece, so that no token spans a boundary between the two speakers.

    In the `tools` grammar a call is what the template prints of it, which is also what the model
    reads of its earlier calls; a reply that is no call is its text.

    Args:
        tokenizer: with a chat template.
        opening: the messages before the first reply.
        chain: the chain.
        trained: for each reply, whether it carries loss.
        tools: JSON schemas of the functions in the `tools` grammar.

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
    for turn, carries in zip(chain.turns, trained, strict=True):
        chat.append(Message(role="assistant", content=turn.reply))
        said = _printed(tokenizer, chat, text, tools) if tools else turn.reply
        chat.append(told(turn.reply, turn.outcome.text, chain.grammar))
        opened, text = text, render_chat(tokenizer, chat, tools)
        led = not tools and not text.startswith(opened + said)
        if led:
            said = lead_of(tokenizer) + said
        if not text.startswith(opened + said):
            raise TrainingError(_REWRITES)
        reply = _continued(tokenizer, opened, said) if led else _encode(tokenizer, said)
        glue = _encode(tokenizer, text[len(opened + said) :])
        # The glue opens with the end-of-turn mark, which the model writes itself.
        if not glue or glue[0] not in marks:
            raise TrainingError(_NO_MARK)
        ids += reply + glue
        mask += [carries] * (len(reply) + 1) + [False] * (len(glue) - 1)
    last = len(mask) - mask[::-1].index(True) if True in mask else 0
    return Encoded(prompt=tuple(prompt), completion=tuple(ids[:last]), mask=tuple(mask[:last]))


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


def _printed(
    tokenizer: Any,  # noqa: ANN401
    chat: Sequence[Message],
    before: str,
    tools: Sequence[Mapping[str, Any]],
) -> str:
    text = render_chat(tokenizer, chat, tools, prompt=False)
    if not text.startswith(before):
        raise TrainingError(_REWRITES)
    said = before_mark(tokenizer, text[len(before) :])
    if said is None:
        raise TrainingError(_NO_MARK)
    return said


def _continued(tokenizer: Any, before: str, text: str) -> list[int]:  # noqa: ANN401
    """Encode a text that opens with white space as it is encoded behind another one.

    By itself it would open with two spaces for a SentencePiece vocabulary.
    """
    opening, whole = _encode(tokenizer, before), _encode(tokenizer, before + text)
    if whole[: len(opening)] == opening:
        return whole[len(opening) :]
    return _encode(tokenizer, text)


def _encode(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
