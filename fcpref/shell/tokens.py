"""Chains -> token ids and which of them carry loss, exactly as the engine feeds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.chains import Message, told
from fcpref.errors import TrainingError
from fcpref.shell.templates import before_mark, render_chat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Chain

_REWRITES = "the chat template is not prefix-preserving; use a model whose template is"
_NO_MARK = "the chat template ends no turn with a special token; use a model whose does"


@frozen(kw_only=True)
class Encoded:
    """A chain as tokens.

    Attributes:
        prompt: ids of the opening, up to where the first reply starts.
        completion: ids of everything after it.
        mask: for each completion id, whether it carries loss: the model's own calls and their
            end-of-turn mark, never a function's result or the template's glue.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    mask: tuple[bool, ...]

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.completion)


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
        before = text + said
        chat.append(told(turn.reply, turn.outcome.text, chain.grammar))
        text = render_chat(tokenizer, chat, tools)
        if not text.startswith(before):
            raise TrainingError(_REWRITES)
        reply, glue = _encode(tokenizer, said), _encode(tokenizer, text[len(before) :])
        # The glue opens with the end-of-turn mark, which the model writes itself.
        if not glue or glue[0] not in marks:
            raise TrainingError(_NO_MARK)
        ids += reply + glue
        mask += [carries] * (len(reply) + 1) + [False] * (len(glue) - 1)
    last = len(mask) - mask[::-1].index(True) if True in mask else 0
    return Encoded(prompt=tuple(prompt), completion=tuple(ids[:last]), mask=tuple(mask[:last]))


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


def _encode(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
