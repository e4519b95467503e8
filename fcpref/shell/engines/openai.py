"""Engine `openai`: any server that speaks OpenAI's chat completions.

vLLM, SGLang, llama.cpp, `transformers serve` and hosted services alike. Each chain's requests go
out one after the other, so a server's prefix cache meets them that way; a sample is a request of
its own, because not every server knows `n`. A seed goes with each request, but sampling is the
server's affair: `transformers serve` 5.23 stays greedy unless the model's generation_config.json
says `do_sample`, and all its requests share one random stream.

In the `tools` grammar the functions go as `tools` and calls come back as `tool_calls`; where there
are none the text is the reply, since some servers leave calls in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field
from attrs.validators import ge

from fcpref.core.chains import Reply
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import OnReply, Request, Sampling
from fcpref.shell.engines.openai_account import Account, Prices, Usage
from fcpref.shell.engines.openai_ask import Asker, Patience
from fcpref.shell.engines.openai_check import check_server
from fcpref.shell.engines.openai_form import Form
from fcpref.shell.engines.openai_gate import Gate
from fcpref.shell.engines.openai_http import connection, tls
from fcpref.shell.engines.openai_wire import valid_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from httpx2 import AsyncClient

__all__ = ["OpenAIEngine", "Patience", "Prices", "Usage"]


@define(kw_only=True)
class OpenAIEngine:
    """Asks a server; the API key is read from FCPREF_API_KEY, else OPENAI_API_KEY.

    Attributes:
        endpoint: the server's base URL, which mostly ends in ``/v1``; an `EndpointError` when it
            is no http or https URL, or could carry a secret.
        model: the name that the server knows the model by.
        sampling: how replies are drawn.
        concurrency: the most requests at once; fewer while the server has too much to do.
        patience: timeouts and retries.
        prices: of tokens; with them the usage has a cost.
        budget: the most that may be spent, in the currency of the prices; a `UsageError` without
            them. A request that might exceed it is not sent.
        note: told, once each, what a user should know of this server.
    """

    endpoint: str = field(converter=valid_endpoint)
    model: str
    sampling: Sampling
    concurrency: int = field(default=8, validator=ge(1))
    patience: Patience = field(factory=Patience)
    prices: Prices | None = None
    budget: float | None = None
    note: Callable[[str], None] = field(default=lambda _: None, repr=False)
    _account: Account = field(init=False, repr=False)
    _form: Form = field(factory=Form, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Open the account."""
        self._account = Account(prices=self.prices, budget=self.budget)

    @property
    def usage(self) -> Usage:
        """Requests, retries, tokens and cost so far."""
        return self._account.usage

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

    def check(self, requests: Sequence[Request] = ()) -> None:
        """Make sure that the server will answer a run's requests; see `check_server`.

        Args:
            requests: those that open the run; the longest one is sent, for one token.

        Raises:
            EndpointError: it is down, wants another key, serves another model, does not take the
                functions, or the request is longer than the model reads.
        """
        asyncio.run(check_server(self._asker(), requests))

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`; at most `concurrency` requests are under way at once.

        Raises:
            EndpointError: a request failed for good, the run took too long, or the budget is used
                up. The replies that came before were handed to `on_reply`.
        """
        asyncio.run(self._run(requests, on_reply))

    async def _run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        openings = iter(requests)
        asker = self._asker()
        verify = tls()

        async def work() -> None:
            async with connection(verify) as client:
                for opening in openings:
                    request: Request | None = opening
                    while request is not None:
                        request = on_reply(request, await self._reply(asker, client, request))

        try:
            async with asyncio.timeout(self.patience.run), asyncio.TaskGroup() as workers:
                for _ in range(min(self.concurrency, len(requests))):
                    workers.create_task(work())
        except TimeoutError:  # one raised inside a chain would come in a group
            raise EndpointError(
                f"{self.endpoint}: the run took longer than {self.patience.run:g} s; run it again"
                " to go on, or allow more time"
            ) from None
        except BaseExceptionGroup as group:
            first = group.exceptions[0]
            raise first from first.__cause__

    async def _reply(self, asker: Asker, client: AsyncClient, request: Request) -> Reply:
        answer = await asker.answer(client, request, self.sampling.reply_tokens)
        text = answer.text
        if not request.tools:
            text = text.lstrip("\r\n").partition("\n")[0].rstrip("\r")
        return Reply(text=text, tokens=answer.tokens)

    def _asker(self) -> Asker:
        return Asker(
            endpoint=self.endpoint,
            model=self.model,
            sampling=self.sampling,
            patience=self.patience,
            account=self._account,
            form=self._form,
            gate=Gate(self.concurrency, self._account, self.patience.backoff),
            note=self.note,
        )
