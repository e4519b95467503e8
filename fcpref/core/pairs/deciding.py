"""Which call of an incorrect chain settled its fate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.scores import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.functions import FailureCode

_ANSWERED = (Verdict.WRONG_ANSWER, Verdict.UNSUPPORTED)


def deciding(verdict: Verdict, codes: Sequence[FailureCode | None]) -> int | None:
    """Return the index of the call that settled an incorrect chain's fate.

    Until an answer is given a wrong branch costs calls, not the answer: so it is the answer, or
    the first of the failed calls that the chain ended in. None where no single call is to blame:
    of a correct chain, and of one that ran into a limit or fell silent.

    Args:
        verdict: how the chain ended.
        codes: failure code of each call, None where it worked.
    """
    if verdict in _ANSWERED:
        return len(codes) - 1
    if verdict is not Verdict.MALFORMED:
        return None
    at = len(codes)
    while at and codes[at - 1] is not None:
        at -= 1
    return at
