"""Chains -> token ids and which of them carry loss, exactly as the engine feeds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcpref.core.chains import Encoded
from fcpref.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.chains import Chain, Message


def encode_chain(
    tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
    opening: Sequence[Message],
    chain: Chain,
    trained: Sequence[bool],
) -> Encoded:
    """Encode a chain piece by piece, so that no token spans a boundary between the two speakers.

    Args:
        tokenizer: with a chat template.
        opening: the messages before the first reply.
        chain: the chain.
        trained: for each reply, whether it carries loss.

    Raises:
        TrainingError: the template rewrites earlier turns, so what is trained would differ from
            what is generated, or does not end a turn with a token of its own.
    """
    chat = [{"role": m.role, "content": m.content} for m in opening]
    text = _render(tokenizer, chat)
    prompt = _encode(tokenizer, text)
    marks = set(tokenizer.added_tokens_decoder)
    ids: list[int] = []
    mask: list[bool] = []
    for turn, carries in zip(chain.turns, trained, strict=True):
        said = text + turn.reply
        chat += [
            {"role": "assistant", "content": turn.reply},
            {"role": "user", "content": turn.outcome.text},
        ]
        text = _render(tokenizer, chat)
        if not text.startswith(said):
            message = "the chat template is not prefix-preserving; use a model whose template is"
            raise TrainingError(message)
        reply, glue = _encode(tokenizer, turn.reply), _encode(tokenizer, text[len(said) :])
        # The glue opens with the end-of-turn mark, which the model writes itself.
        if not glue or glue[0] not in marks:
            message = "the chat template ends no turn with a special token; use a model whose does"
            raise TrainingError(message)
        ids += reply + glue
        mask += [carries] * (len(reply) + 1) + [False] * (len(glue) - 1)
    last = len(mask) - mask[::-1].index(True) if True in mask else 0
    return Encoded(prompt=tuple(prompt), completion=tuple(ids[:last]), mask=tuple(mask[:last]))


def encode_text(
    tokenizer: Any,  # noqa: ANN401
    opening: Sequence[Message],
    chain: Chain,
) -> tuple[int, ...]:
    """Encode a chain's whole chat as one text, as trainers do that know no boundaries."""
    chat = [{"role": m.role, "content": m.content} for m in opening]
    for turn in chain.turns:
        chat.append({"role": "assistant", "content": turn.reply})
        chat.append({"role": "user", "content": turn.outcome.text})
    return tuple(_encode(tokenizer, _render(tokenizer, chat)))


def _render(tokenizer: Any, chat: list[dict[str, str]]) -> str:  # noqa: ANN401
    text: str = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return text


def _encode(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
