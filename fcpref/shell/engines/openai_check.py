"""What is made sure of before a run begins, so that it does not fail after an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.chains import Message
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import Request
from fcpref.shell.engines.openai_http import connection, fetch, tls
from fcpref.shell.engines.openai_wire import RefusalError, context_length, model_names, one_line

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from typing import Any

    from httpx2 import AsyncClient

    from fcpref.shell.engines.openai_ask import Asker
    from fcpref.shell.engines.openai_wire import Answer

    Tools = tuple[Mapping[str, Any], ...]

_HELLO = Request(job="check/0", step=0, messages=(Message(role="user", content="Hello"),))


async def check_server(asker: Asker, requests: Sequence[Request]) -> None:
    """Make sure that a server will answer a run's requests.

    The list of models is asked for, and then one token for the longest request: what it takes to
    answer that, key, model, functions and context, it takes to answer the others.

    The list of models decides what is served. Where there is none, or it leaves the model out, the
    name in the answer does: `transformers serve` lists its download cache instead of what it
    serves, and names its model MODEL@REVISION in the answer. A server that has the model in its
    list is not asked for a token when there are no requests.

    Raises:
        EndpointError: it is down, wants another key, serves another model, does not take the
            functions, or the request is longer than the model reads.
    """
    verify = tls()
    listing = await _listing(asker, verify)
    names = model_names(listing)
    if asker.model in names and not requests:
        return
    longest = max(requests, key=_length, default=_HELLO)
    async with connection(verify) as client:
        answer = await _probe(asker, client, longest, names)
        _check_context(asker, answer, context_length(listing, asker.model))
        if longest.tools:
            await _check_tools(asker, client, longest.tools)


async def _listing(asker: Asker, verify: ssl.SSLContext) -> object:
    # A client of its own: uvicorn closes a connection after a 500 without saying so, and
    # `transformers serve` answers with one where there is no download cache.
    async with connection(verify) as client:
        try:
            return await fetch(client, f"{asker.endpoint}/models", None, asker.patience.request)
        except RefusalError as refusal:
            if refusal.status in {None, 401, 403}:
                raise asker.error(refusal, 1) from None
            return None


async def _probe(
    asker: Asker, client: AsyncClient, longest: Request, names: Sequence[str]
) -> Answer:
    served = one_line(", ".join(names))
    unlisted = bool(names) and asker.model not in names
    try:
        answer = await asker.answer(client, longest, 1, patient=False)
    except EndpointError as error:
        listed = f"; it lists {served}" if unlisted else ""
        raise EndpointError(f"{error}{listed}") from None
    pinned = asker.model if "@" in asker.model else f"{asker.model}@main"
    if unlisted and answer.model != pinned:
        raise EndpointError(
            f"{asker.endpoint} serves {served}, not {asker.model}; ask for what it serves, or"
            " start it with that model"
        )
    return answer


def _check_context(asker: Asker, answer: Answer, context: int | None) -> None:
    reply = asker.sampling.reply_tokens
    if answer.counted and context is not None and answer.prompt_tokens + reply > context:
        raise EndpointError(
            f"{asker.endpoint}: {asker.model} reads {context} tokens, the longest prompt has "
            f"{answer.prompt_tokens} and a reply up to {reply}; show fewer examples, or serve it "
            "with a longer context"
        )


async def _check_tools(asker: Asker, client: AsyncClient, tools: Tools) -> None:
    """Refuse a server that takes the functions and does not show them to the model."""
    without = await asker.answer(client, _HELLO, 1, patient=False)
    shown = await asker.answer(client, evolve(_HELLO, tools=tools), 1, patient=False)
    if without.counted and shown.counted and shown.prompt_tokens <= without.prompt_tokens:
        raise EndpointError(
            f"{asker.endpoint} takes tools but does not show them to the model: a prompt is as long"
            " without; start it with a chat template that knows tools, or use the python grammar"
        )


def _length(request: Request) -> int:
    said = sum(len(message.content) for message in request.messages)
    return said + sum(len(str(tool)) for tool in request.tools)
