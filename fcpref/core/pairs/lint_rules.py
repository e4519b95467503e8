"""What can be wrong with one pair as text: each rule is a small function in a table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.canon import short
from fcpref.core.scores import Verdict
from fcpref.core.tasks import TASKS, find_task

if TYPE_CHECKING:
    from fcpref.core.chains import Chain
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem


@frozen(kw_only=True)
class Background:
    """What the rules may look up.

    Attributes:
        known: ids of the problems that the pairs were made from; None where that is not known.
        held_out: ids of problems that must not be trained on.
        same_text: id of a problem -> a held-out one with the same text.
        same_form: id of a problem -> a held-out one with the same canonical form.
    """

    known: Collection[str] | None = None
    held_out: Collection[str] = frozenset()
    same_text: Mapping[str, str] = MappingProxyType({})
    same_form: Mapping[str, str] = MappingProxyType({})


PairRule = Callable[["PreferencePair", Background], str | None]
"""Returns what is wrong with a pair and what to change, if anything is; what is wrong is an
error."""


def problem(pair: PreferencePair, _: Background) -> str | None:
    """Both chains are of one problem."""
    if pair.chosen.problem == pair.rejected.problem:
        return None
    return "chains of two problems; pair within one problem"


def unknown_problem(pair: PreferencePair, background: Background) -> str | None:
    """The problem is one of those that the pairs were made from."""
    if background.known is None or pair.chosen.problem in background.known:
        return None
    return f"problem {short(pair.chosen.problem)} is not here; build the pairs again from scores"


def grammar(pair: PreferencePair, _: Background) -> str | None:
    """Both are in one call grammar."""
    if pair.chosen.grammar == pair.rejected.grammar:
        return None
    return "chains of two call grammars; pair within one grammar"


def functions(pair: PreferencePair, _: Background) -> str | None:
    """Both were offered the same functions."""
    if pair.chosen.without == pair.rejected.without:
        return None
    return "chains with other functions on offer; drop the pair"


def equal(pair: PreferencePair, _: Background) -> str | None:
    """The replies differ."""
    if _replies(pair.chosen) != _replies(pair.rejected):
        return None
    return "chosen equals rejected; drop the pair"


def empty(pair: PreferencePair, _: Background) -> str | None:
    """Both have replies."""
    if pair.chosen.turns and pair.rejected.turns:
        return None
    return "a chain has no reply; drop the pair"


def step(pair: PreferencePair, _: Background) -> str | None:
    """Of a step pair there is a call on each side where the chains part."""
    turns = pair.chosen.turns, pair.rejected.turns
    if pair.kind != "step" or not all(turns) or pair.shared < min(map(len, turns)):
        return None
    if len(turns[0]) == len(turns[1]):
        return None  # that is `equal`
    return "one chain ends where the other goes on, so no two calls are compared; drop the pair"


def values(pair: PreferencePair, _: Background) -> str | None:
    """The chosen call is worth more than the rejected one."""
    if pair.values is None or pair.values[0] > pair.values[1]:
        return None
    chosen, rejected = pair.values
    return (
        f"the chosen call's value {chosen} is not above the rejected one's {rejected}; drop the "
        "pair, or build pairs with a margin"
    )


def verdict(pair: PreferencePair, _: Background) -> str | None:
    """The rejected chain is rejected for something."""
    if pair.rejected_verdict in {one.value for one in Verdict} - {Verdict.CORRECT.value}:
        return None
    known = ", ".join(one.value for one in Verdict if one is not Verdict.CORRECT)
    return f"rejected for {pair.rejected_verdict!r}, and only {known} are reasons; drop the pair"


def task(pair: PreferencePair, _: Background) -> str | None:
    """The task is known and one."""
    if pair.chosen.task != pair.rejected.task:
        return "chains of two tasks; pair within one problem"
    if pair.chosen.task in TASKS:
        return None
    return f"task {pair.chosen.task!r} is none of {', '.join(TASKS)}; score its chains again"


def held_out(pair: PreferencePair, background: Background) -> str | None:
    """The problem may be trained on."""
    barred = background.held_out
    if pair.chosen.problem not in barred and pair.rejected.problem not in barred:
        return None
    return "a held-out problem; remove it from the training data"


def held_out_text(pair: PreferencePair, background: Background) -> str | None:
    """No held-out problem has the same text."""
    twin = background.same_text.get(pair.chosen.problem)
    if twin is None or pair.chosen.problem in background.held_out:
        return None
    return (
        f"the text of held-out problem {short(twin)}, but for case and spaces; remove one of the "
        "two problems"
    )


def held_out_form(pair: PreferencePair, background: Background) -> str | None:
    """No held-out problem is the same in other words."""
    twin = background.same_form.get(pair.chosen.problem)
    key = pair.chosen.problem
    if twin is None or key in background.held_out or key in background.same_text:
        return None
    return (
        f"held-out problem {short(twin)} in other words, names or order; remove one of the two "
        "problems"
    )


RULES: Mapping[str, PairRule] = MappingProxyType(
    {
        rule.__name__: rule
        for rule in (
            problem,
            unknown_problem,
            task,
            grammar,
            functions,
            equal,
            empty,
            step,
            values,
            verdict,
            held_out,
            held_out_text,
            held_out_form,
        )
    }
)


def label(pair: PreferencePair, problem: Problem) -> str | None:
    """Executed again, the chosen chain is correct and the rejected one is not."""
    chosen, rejected = (
        find_task(chain.task).score(chain, problem).verdict
        for chain in (pair.chosen, pair.rejected)
    )
    if chosen is not Verdict.CORRECT:
        return f"the chosen chain is {chosen} when executed again; score its chains again"
    if rejected is Verdict.CORRECT:
        return "the rejected chain is correct when executed again; score its chains again"
    if rejected.value != pair.rejected_verdict:
        return (
            f"the rejected chain is {rejected} when executed again and not "
            f"{pair.rejected_verdict}; build the pairs again"
        )
    return None


def judged_calls(pair: PreferencePair) -> tuple[int, int]:
    """Return how many calls of the chosen and of the rejected chain are judged.

    All of a ``chain`` pair; of a ``step`` pair the first that differs.
    """
    calls = len(pair.chosen.turns), len(pair.rejected.turns)
    if pair.kind == "chain":
        return calls
    shared = pair.shared
    return int(calls[0] > shared), int(calls[1] > shared)


def _replies(chain: Chain) -> list[str]:
    return [turn.reply for turn in chain.turns]
