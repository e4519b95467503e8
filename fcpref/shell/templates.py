"""Chats through a tokenizer's template, in both call grammars; the engine and training share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcpref.core.chains import Message, chat_rows, template_rows
from fcpref.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Nothing that a template would say by itself.
_ARGUMENT, _RESULT = "argument-7351", "result-7351"


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
    """
    # A template that knows tools would show functions twice in the `python` grammar, so there it is
    # not told of any.
    shown = {"tools": [dict(tool) for tool in tools]} if tools else {}
    rows = template_rows(messages) if tools else chat_rows(messages)
    text: str = tokenizer.apply_chat_template(
        rows, tokenize=False, add_generation_prompt=prompt, **shown
    )
    return text


def require_tools(
    tokenizer: Any,  # noqa: ANN401
    tools: Sequence[Mapping[str, Any]],
    name: str,
) -> None:
    """Make sure that a template shows functions, a call of one, and its result.

    Args:
        tokenizer: with a chat template.
        tools: JSON schemas of the functions; with none there is nothing to make sure of.
        name: the model's, for the message.

    Raises:
        ModelError: it does not: many templates leave out what they do not know, silently.
    """
    if not tools:
        return
    names = [str(tool["function"]["name"]) for tool in tools]
    call = f'{{"name": "{names[0]}", "arguments": {{"a": "{_ARGUMENT}"}}}}'
    chat = (
        Message(role="user", content="Go."),
        Message(role="assistant", content=call),
        Message(role="tool", content=_RESULT),
    )
    try:
        # Without the call first: its name must not stand in for the list of functions.
        listed = render_chat(tokenizer, chat[:1], tools)
        text = render_chat(tokenizer, chat, tools)
    except Exception as error:  # noqa: BLE001 - templates raise anything
        raise _refusal(name, f"fails on tools ({' '.join(str(error).split())[:100]})") from None
    if not all(one in listed for one in names):
        raise _refusal(name, "shows no tools")
    if _ARGUMENT not in text or _RESULT not in text:
        raise _refusal(name, "shows no tool calls or no results of them")


def _refusal(name: str, what: str) -> ModelError:
    return ModelError(
        f"{name}: its chat template {what}; use the python grammar, or a model whose template "
        "knows tools"
    )
