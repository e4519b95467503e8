"""How many requests may be under way at once, by what the server bears.

Additive increase, multiplicative decrease, as TCP does (Chiu and Jain, 1989): each time the server
is too busy the number is halved, each round of answers adds one. A Retry-After holds everybody up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fcpref.shell.engines.openai_account import Account

Outcome = Literal["answered", "busy", "slow", "failed"]
"""What came of a request: ``busy`` is a refusal because the server has too much to do, ``slow`` an
answer that did not come in time, ``failed`` all that says nothing about how busy it is."""

_LONGEST_REST = 30.0


class Gate:
    """The turns of one run's requests.

    Attributes:
        allowed: requests that may be under way now; between 1 and `most`.
        refusals: how often in a row the server was too busy for a request that had it to itself. To
            be crowded out by others is no failure: they will be answered.
    """

    def __init__(self, most: int, account: Account, backoff: float = 0.0) -> None:
        """Begin at full speed.

        Args:
            most: requests that may ever be under way.
            account: says whether there is money for another one.
            backoff: seconds that everybody rests after the first of such refusals; doubles with
                each, up to 30 s.
        """
        self.allowed = float(most)
        self.refusals = 0
        self._most = most
        self._account = account
        self._backoff = backoff
        self._under_way = 0
        self._halvings = 0
        self._over = False
        self._resume = 0.0  # on the loop's clock
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, most: float) -> int:
        """Wait for a turn; the value returned goes back to `leave`.

        Args:
            most: what the request can cost.

        Raises:
            EndpointError: the budget does not pay for it, and nothing is under way that might turn
                out cheaper than feared.
        """
        loop = asyncio.get_running_loop()
        while True:
            if (rest := self._resume - loop.time()) > 0:
                await asyncio.sleep(rest)
                continue
            if self._under_way < int(self.allowed):
                if not self._over and self._account.affords(most):
                    break
                if not self._under_way:
                    # Nobody else starts what would be cut short when the run ends.
                    self._over = True
                    raise self._account.spent()
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
        self._under_way += 1
        self._account.held += most
        return self._halvings

    def leave(self, entered: int, outcome: Outcome, wait: float = 0.0) -> bool:
        """Give the turn back; tells whether everybody rests from now on who did not before.

        Args:
            entered: what `enter` returned.
            outcome: what came of it.
            wait: seconds for which the server wants to hear of nobody.
        """
        # All that were under way when it got too much say so; that is one halving, not many.
        if outcome in {"busy", "slow"} and entered == self._halvings:
            self.allowed = max(1.0, min(self.allowed, self._under_way) / 2)
            self._halvings += 1
        if outcome == "answered":
            self.refusals = 0
            self.allowed = min(self._most, self.allowed + 1 / self.allowed)
        if outcome == "busy" and self._under_way == 1:
            wait += min(self._backoff * 2**self.refusals, _LONGEST_REST)
            self.refusals += 1
        self._under_way -= 1
        begins = self._rest(wait)
        self._wake(int(self.allowed) - self._under_way)
        return begins

    def _rest(self, wait: float) -> bool:
        now = asyncio.get_running_loop().time()
        begins = wait > 0 and self._resume <= now
        self._resume = max(self._resume, now + wait)
        return begins

    def _wake(self, free: int) -> None:
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
