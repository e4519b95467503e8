"""Chats through a tokenizer's template, in both call grammars; the engine and training share it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fcpref.core.chains import Message, chat_rows, template_rows
from fcpref.core.functions import Call, parse_tool_call, show_tool_call
from fcpref.core.functions.tool_calls import CLOSING, MARKS, OPENING
from fcpref.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Nothing that a template would say by itself.
_ARGUMENT, _RESULT = "argument-7351", "result-7351"
_JSON = re.compile(rf"{{[^{{}}]*{{[^{{}}]*{_ARGUMENT}[^{{}}]*}}[^{{}}]*}}")


def render_chat(
    tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    prompt: bool = True,
) -> str:
    """Return a chat as its template writes it.

    Args:
        tokenizer: with a chat template.
        messages: the chat.
        tools: JSON schemas of the functions; empty in the `python` grammar.
        prompt: end with what opens the assistant's next turn.

    Raises:
        ModelError: the template refuses the chat, as some do that has a system message.
    """
    from jinja2 import TemplateError

    try:
        return _rendered(tokenizer, messages, tools, prompt=prompt)
    except TemplateError as error:
        raise ModelError(
            f"the chat template refuses the chat ({' '.join(str(error).split())}); use a model "
            "whose template takes a system message and turns of user and assistant"
        ) from None


def _rendered(
    tokenizer: Any,  # noqa: ANN401
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    prompt: bool = True,
) -> str:
    # A template that knows tools would show functions twice in the `python` grammar, so there it is
    # not told of any.
    shown = {"tools": [dict(tool) for tool in tools]} if tools else {}
    rows = template_rows(messages) if tools else chat_rows(messages)
    text: str = tokenizer.apply_chat_template(
        rows, tokenize=False, add_generation_prompt=prompt, **shown
    )
    return text


def lead_of(tokenizer: Any) -> str:  # noqa: ANN401
    """Return the white space that a template prints before a reply, behind what opens the turn.

    Mistral's prints a space there. It is the model's to write, but no part of the reply, or each
    step would add another one.
    """
    chat = (Message(role="user", content="Go."), Message(role="assistant", content=_RESULT))
    try:
        before, text = (_rendered(tokenizer, chat[:n], prompt=n == 1) for n in (1, 2))
    except Exception:  # noqa: BLE001 - templates raise anything, and say so where they are used
        return ""
    lead = text[len(before) :].partition(_RESULT)[0] if text.startswith(before) else ""
    return lead if lead.isspace() else ""


def require_tools(
    tokenizer: Any,  # noqa: ANN401
    tools: Sequence[Mapping[str, Any]],
    name: str,
) -> None:
    """Make sure that a template shows functions, a call of one in a form that is read, its result.

    Args:
        tokenizer: with a chat template.
        tools: JSON schemas of the functions; with none there is nothing to make sure of.
        name: the model's, for the message.

    Raises:
        ModelError: it does not. Many templates leave out what they do not know, silently; some
            write calls as XML or in a language of their own.
    """
    if not tools:
        return
    names = [str(tool["function"]["name"]) for tool in tools]
    call = Call(function=names[0], keywords=(("a", _ARGUMENT),))
    chat = (
        Message(role="user", content="Go."),
        Message(role="assistant", content=show_tool_call(call)),
        Message(role="tool", content=_RESULT),
    )
    try:
        # Without the call first: its name must not stand in for the list of functions.
        listed = _rendered(tokenizer, chat[:1], tools)
        called = _rendered(tokenizer, chat[:2], tools, prompt=False)
        text = _rendered(tokenizer, chat, tools)
    except Exception as error:  # noqa: BLE001 - templates raise anything
        raise _refusal(name, f"fails on tools ({' '.join(str(error).split())[:100]})") from None
    if not all(one in listed for one in names):
        raise _refusal(name, "shows no tools")
    if _ARGUMENT not in text or _RESULT not in text:
        raise _refusal(name, "shows no tool calls or no results of them")
    if parse_tool_call(_reply(tokenizer, listed, called)) != call:
        raise _refusal(name, "writes calls in a form that is not read here")


def before_mark(
    tokenizer: Any,  # noqa: ANN401
    turn: str,
) -> str | None:
    """Return what a rendered turn says before its end-of-turn mark; None when it has no such mark.

    The mark is the last special token; what templates put around calls is none.
    """
    around = {OPENING, CLOSING, *MARKS}
    ends = [
        turn.rfind(token.content)
        for token in tokenizer.added_tokens_decoder.values()
        if token.special and token.content not in around
    ]
    end = max(ends, default=-1)
    return turn[:end] if end >= 0 else None


def _reply(tokenizer: Any, before: str, text: str) -> str:  # noqa: ANN401
    """Return the reply that a template printed; where it rewrites the chat, the JSON in it."""
    if text.startswith(before):
        turn = text[len(before) :]
        said = before_mark(tokenizer, turn)
        return turn if said is None else said
    found = _JSON.search(text)
    return found[0] if found else ""


def _refusal(name: str, what: str) -> ModelError:
    return ModelError(
        f"{name}: its chat template {what}; use the python grammar, or a model whose template "
        "writes JSON tool calls"
    )
