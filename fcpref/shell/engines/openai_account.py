"""What a run against a server uses, what that costs, and when it has cost enough."""

from __future__ import annotations

import math

from attrs import Attribute, define, field, frozen
from attrs.converters import optional as or_none
from attrs.validators import and_, gt, lt, optional

from fcpref.errors import EndpointError, UsageError

_MILLION = 1_000_000


@frozen(kw_only=True)
class Prices:
    """What a million tokens costs, in any one currency.

    Attributes:
        prompt: of the tokens that are sent.
        completion: of the tokens that are generated.
    """

    prompt: float = field()
    completion: float = field()

    @prompt.validator
    @completion.validator
    def _is_price(self, attribute: Attribute[float], value: float) -> None:
        if not 0 <= value < math.inf:
            raise ValueError(f"{attribute.name} is {value}, and a price is 0 or more")

    def of(self, prompt: int, completion: int) -> float:
        """Return what so many tokens cost."""
        return (prompt * self.prompt + completion * self.completion) / _MILLION


@frozen(kw_only=True)
class Usage:
    """What an engine has asked for so far; the token counts are the server's.

    Attributes:
        requests: attempts, retries and those of the check before a run included.
        retries: attempts at a request after its first.
        prompt_tokens: sent, over all answers.
        completion_tokens: generated, over all answers.
        cost: of these tokens, in the currency of the prices; None without prices.
    """

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


@define(kw_only=True)
class Account:
    """Counts, and holds a run to its budget.

    Attributes:
        prices: of tokens; None when nobody asked for the cost.
        budget: what may be spent, above 0; None is without limit.
        held: the most that the attempts under way can cost.
        lost: the most that attempts can have cost whose answer got lost: it may have been charged.
    """

    prices: Prices | None = None
    budget: float | None = field(
        default=None, converter=or_none(float), validator=optional(and_(gt(0), lt(math.inf)))
    )
    held: float = field(default=0.0, init=False)
    lost: float = field(default=0.0, init=False)
    requests: int = field(default=0, init=False)
    retries: int = field(default=0, init=False)
    prompt_tokens: int = field(default=0, init=False)
    completion_tokens: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a budget that nothing could be counted against."""
        if self.budget is not None and self.prices is None:
            raise UsageError(
                "a budget needs the prices of tokens; give --price-in and --price-out too"
            )

    @property
    def usage(self) -> Usage:
        """The counts so far."""
        return Usage(
            requests=self.requests,
            retries=self.retries,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost=None if self.prices is None else self._cost(self.prices),
        )

    def most(self, body: bytes, tokens: int) -> float:
        """Return the most that an attempt can cost.

        Args:
            body: the request as sent. A token stands for one byte or more, and JSON's own
                characters make up for what a chat template adds.
            tokens: that may be generated.
        """
        return 0.0 if self.prices is None else self.prices.of(len(body), tokens)

    def affords(self, most: float) -> bool:
        """Tell whether an attempt can be paid for, whatever those under way come to."""
        if self.budget is None or self.prices is None:
            return True
        return self._cost(self.prices) + self.lost + self.held + most <= self.budget

    def release(self, most: float, *, lost: bool) -> None:
        """Take back what was held for an attempt; one that got lost is taken to have cost it."""
        self.held -= most
        if lost:
            self.lost += most

    def spent(self) -> EndpointError:
        """Return the error that ends a run whose next request is beyond the budget."""
        lost = f", answers that got lost up to {self.lost:.4g} more" if self.lost else ""
        return EndpointError(
            f"the budget of {self.budget:g} is used up: {self.requests} requests cost "
            f"{self.usage.cost:.4g}{lost}, and another one might exceed it; what came is recorded, "
            "run the same command again to go on with the same budget once more"
        )

    def _cost(self, prices: Prices) -> float:
        return prices.of(self.prompt_tokens, self.completion_tokens)
