"""Between a chat and its tokens: where a reply ends, and what is fed after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcpref.core.functions.tool_calls import CLOSING, MARKS, OPENING
from fcpref.shell.templates import lead_of, render_chat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.shell.engines.base import Request


class Turns:
    """A tokenizer with the tokens that end a reply."""

    def __init__(self, model: Any, tokenizer: Any) -> None:  # noqa: ANN401 - partly typed
        """Find those tokens."""
        self._tokenizer = tokenizer
        self._stops = _stop_tokens(model, tokenizer)
        self._newlines = _newline_tokens(tokenizer)
        known = tokenizer.get_vocab()
        self._call_marks = {known[mark] for mark in (OPENING, CLOSING, *MARKS) if mark in known}
        self._lead = lead_of(tokenizer)
        self.pad = min(self._stops)

    def render(self, request: Request) -> str:
        """Return a request's chat as the template writes it."""
        return render_chat(self._tokenizer, request.messages, request.tools)

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def reply(self, text: str, *, tools: bool) -> str:
        """Return a reply without the white space that the template itself prints before it."""
        return text if tools else text.removeprefix(self._lead)

    def ends(self, token: int, *, begun: bool, tools: bool) -> bool:
        """Tell whether a token ends a reply.

        Args:
            token: what the model said.
            begun: there was something before it.
            tools: the reply is in the `tools` grammar.
        """
        if tools:
            # JSON may go over several lines, and some vocabularies have special tokens around it.
            return token in self._stops and token not in self._call_marks
        return token in self._stops or (begun and token in self._newlines)

    def text(self, generated: Sequence[int], last: int | None, *, tools: bool) -> tuple[str, str]:
        """Return the text of a reply's tokens, and the whole reply.

        Args:
            generated: the reply's tokens.
            last: the token that ended it, if one did.
            tools: the reply is in the `tools` grammar.
        """
        said: str = self._tokenizer.decode(list(generated), skip_special_tokens=not tools)
        # Some vocabularies have tokens such as ")\n": what stands before the line's end counts.
        return said, said + (self._newlines.get(last, "") if last is not None else "")


def _stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    configured = model.generation_config.eos_token_id
    stops = set(configured if isinstance(configured, list) else [configured])
    known = tokenizer.get_vocab()
    stops |= {known.get("<|im_end|>"), known.get("<|eot_id|>")}
    # A special token is no text: it would vanish from the reply and stay in the cache.
    stops |= {tokenizer.eos_token_id, *tokenizer.all_special_ids}
    return frozenset(token for token in stops if token is not None)


def _newline_tokens(tokenizer: Any) -> dict[int, str]:  # noqa: ANN401
    """Return the tokens that end a line, each with the text that it puts before that."""
    # Byte-level vocabularies write a line feed as U+010A, SentencePiece as <0x0A>.
    found = [
        index
        for piece, index in tokenizer.get_vocab().items()
        if "\u010a" in piece or "\n" in piece or piece == "<0x0A>"
    ]
    return {index: tokenizer.decode([index]).partition("\n")[0].rstrip() for index in found}
