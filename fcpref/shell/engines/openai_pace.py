"""How many requests may be under way at once, by what the server bears.

Additive increase, multiplicative decrease, as TCP does (Chiu and Jain, 1989): each time the server
is too busy the number is halved, each round of answers adds one. A Retry-After holds everybody up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fcpref.shell.engines.openai_account import Account


class Pace:
    """The turns of one run's requests.

    Attributes:
        allowed: requests that may be under way now; between 1 and `most`.
        answered: answers so far.
    """

    def __init__(self, most: int, account: Account) -> None:
        """Begin at full speed.

        Args:
            most: requests that may ever be under way.
            account: says whether there is money for another one.
        """
        self.allowed = float(most)
        self.answered = 0
        self._most = most
        self._account = account
        self._under_way = 0
        self._halvings = 0
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
                if self._account.affords(most):
                    break
                if not self._under_way:
                    raise self._account.spent()
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
        self._under_way += 1
        self._account.held += most
        return self._halvings

    def leave(self, entered: int, *, good: bool, busy: bool = False, wait: float = 0.0) -> bool:
        """Give the turn back; tells whether everybody rests from now on who did not before.

        Args:
            entered: what `enter` returned.
            good: an answer came.
            busy: the server had too much to do.
            wait: seconds for which it wants to hear of nobody.
        """
        # All that were under way when it got too much say so; that is one halving, not many.
        if busy and entered == self._halvings:
            self.allowed = max(1.0, min(self.allowed, self._under_way) / 2)
            self._halvings += 1
        if good:
            self.answered += 1
            self.allowed = min(self._most, self.allowed + 1 / self.allowed)
        self._under_way -= 1
        now = asyncio.get_running_loop().time()
        begins = wait > 0 and self._resume <= now
        self._resume = max(self._resume, now + wait)
        free = int(self.allowed) - self._under_way
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
        return begins
