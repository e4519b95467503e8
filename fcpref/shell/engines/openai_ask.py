"""One request to a server until it is answered: turns, retries, counting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge, gt

from fcpref.core.seeds import derive, derive_seed
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.openai_account import Account
from fcpref.shell.engines.openai_form import Form
from fcpref.shell.engines.openai_gate import Gate, Outcome
from fcpref.shell.engines.openai_http import fetch
from fcpref.shell.engines.openai_wire import BUSY, Answer, RefusalError, read_answer

if TYPE_CHECKING:
    from httpx2 import AsyncClient

    from fcpref.shell.engines.base import Request

_SEEDS = 2**31
_LONGEST_BACKOFF = 30.0
_LONG_WAIT = 10.0
# What servers answer that know no tools, or were started without them.
_ON_TOOLS = (400, 422, 500, 501)
_NO_TOOLS = "; if it takes no tools, start it with them or use the python grammar"


@frozen(kw_only=True)
class Patience:
    """How long a server is waited for, in seconds.

    Attributes:
        retries: further attempts at a request after 408, 429, 5xx, a timeout or a lost connection.
            A 429 or 503 takes none of them while other requests are under way.
        backoff: mean wait before the first retry; doubles with each, up to 30 s. It comes on top
            of a Retry-After, which all chains heed; one beyond 10 minutes ends the run.
        request: limit of one attempt, from connecting to the last byte.
        run: limit of a whole run.
    """

    retries: int = field(default=5, validator=ge(0))
    backoff: float = field(default=0.5, validator=ge(0))
    request: float = field(default=120.0, validator=gt(0))
    run: float = field(default=86_400.0, validator=gt(0))


@frozen(kw_only=True)
class Asker:
    """Puts requests to one server.

    Attributes:
        endpoint: the server's base URL.
        model: the name that the server knows the model by.
        sampling: how replies are drawn.
        patience: timeouts and retries.
        account: what is counted, and held to a budget.
        form: how this server is asked.
        gate: whose turn it is.
        note: told what a user should know of this server.
    """

    endpoint: str
    model: str
    sampling: Sampling
    patience: Patience
    account: Account
    form: Form
    gate: Gate
    note: Callable[[str], None]

    async def answer(
        self, client: AsyncClient, request: Request, tokens: int, *, patient: bool = True
    ) -> Answer:
        """Return the answer to a request.

        A chain that outgrows what the model reads is answered with nothing, until its limits end
        it; it must not end the whole run, which would meet it again.

        Args:
            client: a connection to the server.
            request: what is asked.
            tokens: that may be generated.
            patient: try again after all that may pass; otherwise only where the server is busy.

        Raises:
            EndpointError: it was refused for good, or the budget is used up.
        """
        seed = derive_seed(self.sampling.seed, request.job, request.step) % _SEEDS
        failures = 0
        for attempt in count(1):
            body = self.form.body(
                request, model=self.model, sampling=self.sampling, tokens=tokens, seed=seed
            )
            try:
                return await self._attempt(client, body, tokens, tools=bool(request.tools))
            except RefusalError as refusal:
                if refusal.too_long and request.step:
                    return Answer(text="", model="", prompt_tokens=0, tokens=0, counted=True)
                wait = 0.0
                if not self._learnt(refusal, body):
                    failures += refusal.status not in BUSY
                    if not self._hopes(refusal, failures, patient=patient):
                        raise self.error(refusal, attempt, tools=bool(request.tools)) from None
                    wait = self._backoff(request, attempt, failures)
            self.account.retries += 1
            await asyncio.sleep(wait)
        raise AssertionError  # the loop has no end of its own

    async def _attempt(
        self, client: AsyncClient, body: bytes, tokens: int, *, tools: bool
    ) -> Answer:
        most = self.account.most(body, tokens)
        entered = await self.gate.enter(most)
        self.account.requests += 1
        outcome: Outcome = "failed"
        lost, wait = True, 0.0
        try:
            url = f"{self.endpoint}/chat/completions"
            completion = await fetch(client, url, body, self.patience.request)
            answer = read_answer(completion, tools=tools, sent=len(body))
            outcome, lost = "answered", False
        except RefusalError as refusal:
            lost, wait = refusal.lost, refusal.wait if refusal.passing else 0.0
            if refusal.status in BUSY:
                outcome = "busy"
            elif refusal.late:
                outcome = "slow"
            raise
        else:
            self.account.prompt_tokens += answer.prompt_tokens
            self.account.completion_tokens += answer.tokens
            return answer
        finally:
            self.account.release(most, lost=lost)
            if self.gate.leave(entered, outcome, wait) and wait >= _LONG_WAIT:
                self._say(f"asks to wait {wait:.0f} s; waiting")

    def _hopes(self, refusal: RefusalError, failures: int, *, patient: bool) -> bool:
        """Tell whether another attempt may help: a busy server is judged by the gate."""
        busy = refusal.status in BUSY
        refused = self.gate.refusals if busy else failures
        return refusal.passing and (patient or busy) and refused <= self.patience.retries

    def _backoff(self, request: Request, attempt: int, failures: int) -> float:
        doubled = self.patience.backoff * 2.0 ** max(0, failures - 1)
        noise = derive(self.sampling.seed, "backoff", request.job, request.step, attempt)
        return min(doubled, _LONGEST_BACKOFF) * (0.5 + noise.random())

    def _learnt(self, refusal: RefusalError, body: bytes) -> bool:
        news = self.form.learn(refusal, body)
        if news:
            self._say(news)
        return news is not None

    def _say(self, text: str) -> None:
        self.note(f"{self.endpoint} {text}")

    def error(self, refusal: RefusalError, attempts: int, *, tools: bool = False) -> EndpointError:
        """Return the error that a refusal for good becomes."""
        times = f", {attempts} times" if attempts > 1 else ""
        other = _NO_TOOLS if tools and refusal.status in _ON_TOOLS else ""
        return EndpointError(f"{self.endpoint} {refusal.what}{times}; {refusal.advice}{other}")
