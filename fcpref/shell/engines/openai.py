"""Engine `openai`: any server that speaks OpenAI's chat completions.

vLLM, SGLang, llama.cpp, `transformers serve` and hosted services alike. Each chain is one task, so
a server's prefix cache meets its requests one after the other; a sample is a request of its own,
because not every server knows `n`. A seed goes with each request, but sampling is the server's
affair: `transformers serve` 5.23 stays greedy unless the model's generation_config.json says
`do_sample`, and all its requests share one random stream.

In the `tools` grammar the functions go as `tools` and calls come back as `tool_calls`; where there
are none the text is the reply, since some servers leave calls in it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen
from attrs.validators import ge, gt

from fcpref.core.chains import Message, Reply, chat_rows, wire_rows
from fcpref.core.seeds import derive, derive_seed
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import OnReply, Request, Sampling
from fcpref.shell.engines.openai_wire import (
    RefusalError,
    api_key,
    completion_calls,
    completion_text,
    fetch,
    model_names,
    one_line,
    token_counts,
    valid_endpoint,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from openai import AsyncOpenAI

_SEEDS = 2**31
_LONGEST_BACKOFF = 30.0
# What servers answer that know no tools, or were started without them.
_ON_TOOLS = (400, 422, 500, 501)
_NO_TOOLS = "; if it takes no tools, start it with them or use the python grammar"


@frozen(kw_only=True)
class Patience:
    """How long a server is waited for, in seconds.

    Attributes:
        retries: further attempts at a request after 408, 429, 5xx, a timeout or a lost connection.
        backoff: mean wait before the first retry; doubles with each, up to 30 s. It comes on top
            of a Retry-After; one beyond 10 minutes ends the run.
        request: limit of one attempt, from connecting to the last byte.
        run: limit of a whole run.
    """

    retries: int = field(default=5, validator=ge(0))
    backoff: float = field(default=0.5, validator=ge(0))
    request: float = field(default=120.0, validator=gt(0))
    run: float = field(default=86_400.0, validator=gt(0))


@frozen(kw_only=True)
class Usage:
    """What an engine has asked for so far; the token counts are the server's."""

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@define(kw_only=True)
class OpenAIEngine:
    """Asks a server; the API key is read from FCPREF_API_KEY, else OPENAI_API_KEY.

    Attributes:
        endpoint: the server's base URL, which mostly ends in ``/v1``; an `EndpointError` when it
            is no http or https URL, or could carry a secret.
        model: the name that the server knows the model by.
        sampling: how replies are drawn.
        concurrency: chains at once.
        patience: timeouts and retries.
        usage: requests, retries and tokens so far.
    """

    endpoint: str = field(converter=valid_endpoint)
    model: str
    sampling: Sampling
    concurrency: int = field(default=8, validator=ge(1))
    patience: Patience = field(factory=Patience)
    usage: Usage = field(factory=Usage, init=False)

    @property
    def identity(self) -> Mapping[str, str]:
        """See `Engine.identity`; the endpoint is no part of it, so that a replay needs none."""
        return {
            "engine": "openai",
            "model": self.model,
            "revision": "",
            "template": "server",
            "sampling": f"temperature {self.sampling.temperature:g}, "
            f"top_p {self.sampling.top_p:g}, "
            f"reply_tokens {self.sampling.reply_tokens}, seed {self.sampling.seed}",
        }

    def check(self) -> None:
        """Make sure that the server is up and serves the model.

        The server's list of models decides. Where there is none, or it leaves the model out, a
        request for one token does: `transformers serve` lists its download cache instead of what
        it serves, and names its model MODEL@REVISION in the answer.

        Raises:
            EndpointError: it is down, wants another key, or serves another model.
        """
        asyncio.run(self._check())

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`; at most `concurrency` chains are under way at once.

        Raises:
            EndpointError: a request failed for good, or the run took too long. The replies that
                came before were handed to `on_reply`.
        """
        asyncio.run(self._run(requests, on_reply))

    async def _run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        slots = asyncio.Semaphore(self.concurrency)
        try:
            async with (
                self._client() as client,
                asyncio.timeout(self.patience.run),
                asyncio.TaskGroup() as chains,
            ):
                for request in requests:
                    chains.create_task(self._chain(client, slots, request, on_reply))
        except TimeoutError:  # one raised inside a chain would come in a group
            raise EndpointError(
                f"{self.endpoint}: the run took longer than {self.patience.run:g} s; run it again"
                " to go on, or allow more time"
            ) from None
        except BaseExceptionGroup as group:
            first = group.exceptions[0]
            raise first from first.__cause__

    async def _chain(
        self, client: AsyncOpenAI, slots: asyncio.Semaphore, first: Request, on_reply: OnReply
    ) -> None:
        async with slots:
            request: Request | None = first
            while request is not None:
                request = on_reply(request, await self._reply(client, request))

    async def _reply(self, client: AsyncOpenAI, request: Request) -> Reply:
        labels = request.job, request.step
        seed = derive_seed(self.sampling.seed, *labels) % _SEEDS
        noise = derive(self.sampling.seed, "backoff", *labels)
        for attempt in range(1, self.patience.retries + 2):
            self._count(requests=1)
            try:
                tokens = self.sampling.reply_tokens
                ask = self._ask(client, request.messages, tokens, seed, request.tools)
                completion = await fetch(ask, self.patience.request)
                return self._read(completion, tools=bool(request.tools))
            except RefusalError as refusal:
                if attempt > self.patience.retries or not refusal.passing:
                    raise self._error(refusal, attempt, tools=bool(request.tools)) from None
                backoff = min(self.patience.backoff * 2 ** (attempt - 1), _LONGEST_BACKOFF)
                wait = refusal.wait + backoff * (0.5 + noise.random())
            self._count(retries=1)
            await asyncio.sleep(wait)
        raise AssertionError  # the last attempt returns or raises

    def _ask(
        self,
        client: AsyncOpenAI,
        messages: Sequence[Message],
        tokens: int,
        seed: int,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> AbstractAsyncContextManager[Any]:
        chat: list[Any] = wire_rows(messages) if tools else chat_rows(messages)
        # A call in text is one line; a structured one may be written over several.
        form: Any = (
            {"tools": list(tools), "parallel_tool_calls": False} if tools else {"stop": ["\n"]}
        )
        return client.chat.completions.with_streaming_response.create(
            model=self.model,
            messages=chat,
            max_tokens=tokens,
            temperature=self.sampling.temperature,
            top_p=self.sampling.top_p,
            seed=seed,
            **form,
        )

    def _read(self, completion: object, *, tools: bool) -> Reply:
        text = (completion_calls(completion) if tools else "") or completion_text(completion)
        # Without a count, a guess: the limit on a chain's tokens must hold all the same.
        prompt, tokens = token_counts(completion) or (0, len(text) // 4 + 1)
        self._count(prompt_tokens=prompt, completion_tokens=tokens)
        if not tools:
            text = text.lstrip("\r\n").partition("\n")[0].rstrip("\r")
        return Reply(text=text, tokens=tokens)

    def _count(self, **more: int) -> None:
        sums = {name: getattr(self.usage, name) + value for name, value in more.items()}
        self.usage = evolve(self.usage, **sums)

    async def _check(self) -> None:
        hello = (Message(role="user", content="Hello"),)
        try:
            models = await self._listed()
            if self.model in models:
                return
            async with self._client() as client:
                completion = await fetch(self._ask(client, hello, 1, 0), self.patience.request)
            completion_text(completion)
        except RefusalError as refusal:
            raise self._error(refusal, 1) from None
        answering = completion.get("model") if isinstance(completion, dict) else None
        pinned = self.model if "@" in self.model else f"{self.model}@main"
        if models and answering != pinned:
            names = one_line(", ".join(models))
            raise EndpointError(
                f"{self.endpoint} serves {names}, not {self.model}; ask for what it serves, or"
                " start it with that model"
            )

    async def _listed(self) -> tuple[str, ...]:
        # A client of its own: uvicorn closes a connection after a 500 without saying so, and
        # `transformers serve` answers with one where there is no download cache.
        try:
            async with self._client() as client:
                listing = client.models.with_streaming_response.list()
                return model_names(await fetch(listing, self.patience.request))
        except RefusalError as refusal:
            if refusal.status in {None, 401, 403}:
                raise
            return ()

    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        # Retries are counted and spaced here, not in the client.
        limit = self.patience.request
        return AsyncOpenAI(base_url=self.endpoint, api_key=api_key(), max_retries=0, timeout=limit)

    def _error(self, refusal: RefusalError, attempts: int, *, tools: bool = False) -> EndpointError:
        times = f", {attempts} times" if attempts > 1 else ""
        other = _NO_TOOLS if tools and refusal.status in _ON_TOOLS else ""
        return EndpointError(f"{self.endpoint} {refusal.what}{times}; {refusal.advice}{other}")
