"""Ways to spoil one call of a chain: a table of kinds, each a function of the call's place.

What they give is only ever a proposal. Whether it makes the chain incorrect is for execution and
scoring to say: swapped operands of a sum are as good as before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.chains import Turn
from fcpref.core.functions import Call, Grammar, Outcome, Toolbox
from fcpref.core.functions.grammars import parse, show
from fcpref.core.numbers import read_number, show_number
from fcpref.core.problems import Problem
from fcpref.core.problems.quantities import quantities
from fcpref.core.seeds import Random

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fcpref.core.functions import Parameter, Value
    from fcpref.core.pairs.values import Corruption

LABELS = ("True", "False", "Unknown")
PROSE = "I will now call the function:"
DOUBT = "I should look at this once more."
# Joined facts are the same fact in either order; the name that a call gives it is all that differs.
_EITHER_WAY = frozenset({"AndIntro"})
_QUOTED = frozenset(
    {
        *("fact", "first", "second", "conditional", "claim"),
        *("expression", "equation", "a", "b", "body", "atom", "part", "sentence"),
    }
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d.]*", re.ASCII)
# What `fol.models` says of an expression behind it.
_TRUTH = re.compile(r"\s+is (true|false)\b.*", re.DOTALL)
_RELATION = re.compile(r"(\w+)\((\w+), (\w+)\)", re.ASCII)


@frozen(kw_only=True)
class Spot:
    """A call of a correct chain that may be spoiled.

    Attributes:
        problem: what the chain is about.
        toolbox: the functions that it was offered.
        grammar: how its calls are written.
        turns: all of its turns.
        calls: what each of them called; None where the reply is no call.
        call: the one in question, which worked.
        at: its index.
    """

    problem: Problem
    toolbox: Toolbox
    grammar: Grammar
    turns: tuple[Turn, ...]
    calls: tuple[Call | None, ...]
    call: Call
    at: int

    @property
    def last(self) -> bool:
        """Tell whether the call ends the chain."""
        return self.at == len(self.turns) - 1

    @property
    def rewrites(self) -> bool:
        """Tell whether the call rewrites a part of a sentence: any that works is a way on."""
        return any(one.name == "part" for _, one, _ in _arguments(self.call, self.toolbox))


Corrupter = Callable[[Spot, Random], Iterator[Call | str]]
"""Returns other calls in a call's place, or replies that are no calls, in an order of its own."""


def spoiled(kind: Corruption, spot: Spot, stream: Random) -> Iterator[str]:
    """Yield the replies that a kind of corruption proposes in place of a call.

    None of them reads as the same call.

    Args:
        kind: the kind.
        spot: the call.
        stream: of the digits that are drawn.
    """
    for made in CORRUPTERS[kind](spot, stream):
        text = show(made, spot.grammar) if isinstance(made, Call) else made
        if parse(text, spot.grammar) != spot.call:
            yield text


def _digit(spot: Spot, stream: Random) -> Iterator[Call]:
    """Change a digit of a number, or of one in a text."""
    for place, _, value in _arguments(spot.call, spot.toolbox):
        text = show_number(value) if isinstance(value, Fraction) else str(value)
        for number in _NUMBER.finditer(text):
            for at in range(number.start(), number.end()):
                if text[at] == ".":
                    continue
                digits = "123456789" if at == number.start() else "0123456789"
                other = stream.choice(digits.replace(text[at], ""))
                changed: Value | None = f"{text[:at]}{other}{text[at + 1 :]}"
                if isinstance(value, Fraction):
                    changed = read_number(str(changed))
                if changed is not None:
                    yield _put(spot.call, {place: changed})


def _argument(spot: Spot, _: Random) -> Iterator[Call]:
    """Replace a text by another one of the problem or the chain, a number by another one."""
    for place, parameter, value in _arguments(spot.call, spot.toolbox):
        if parameter.kind == "number":
            others: Iterable[Value] = _numbers(spot)
        elif _is_label(value, spot) or parameter.name in {"rule", "thought"}:
            continue
        else:
            others = _texts(spot, _sort(spot.call, parameter))
        for other in others:
            if other != value:
                yield _put(spot.call, {place: other})


def _order(spot: Spot, _: Random) -> Iterator[Call]:
    """Swap two operands, or the two terms of a relation."""
    given = _arguments(spot.call, spot.toolbox)
    if len(given) == 2 and spot.call.function not in _EITHER_WAY:  # noqa: PLR2004 - operands
        (place, one, first), (other, two, second) = given
        alike = one.kind == two.kind == "number" or (one.name in _QUOTED and two.name in _QUOTED)
        if alike and one.default is two.default is None:
            yield _put(spot.call, {place: second, other: first})
    for place, _parameter, value in given:
        if found := _RELATION.fullmatch(str(value)):
            name, left, right = found.groups()
            yield _put(spot.call, {place: f"{name}({right}, {left})"})


def _function(spot: Spot, _: Random) -> Iterator[Call]:
    """Call another function that takes the same arguments."""
    own = spot.toolbox.find(spot.call.function)
    if own is None or own.signature.group != "solve":
        return
    wanted = own.signature.parameters
    for other in spot.toolbox.functions:
        signature = other.signature
        taken = signature.parameters
        names = {ours.name: theirs.name for ours, theirs in zip(wanted, taken, strict=False)}
        fits = [one.kind for one in wanted] == [one.kind for one in taken] and (
            all(one.kind == "number" for one in wanted) or all(a == b for a, b in names.items())
        )
        if signature.group != "solve" or not taken or not fits:
            continue
        if any(one.default is not None for one in (*wanted, *taken)):
            continue
        keywords = tuple((names[name], value) for name, value in spot.call.keywords)
        yield evolve(spot.call, function=signature.name, keywords=keywords)


def _rule(spot: Spot, _: Random) -> Iterator[Call]:
    """Use another rule of the problem."""
    rules = [one for one in spot.problem.givens if one.formula.startswith("forall")]
    for place, parameter, value in _arguments(spot.call, spot.toolbox):
        if parameter.name == "rule":
            formal = any(value == one.formula for one in rules)
            for one in rules:
                yield _put(spot.call, {place: one.formula if formal else one.text})


def _early_answer(spot: Spot, _: Random) -> Iterator[Call]:
    """Answer before it is time: what will be the answer, or something else."""
    final = spot.calls[-1]
    if spot.last or final is None or final.function != "Answer":
        return
    place, parameter, value = _arguments(final, spot.toolbox)[0]
    others: Iterable[Value]
    if parameter.kind == "number":
        others = _results(spot)
    elif _is_label(value, spot):
        others = LABELS
    else:
        others = _texts(spot, _sort(final, parameter))
    for other in dict.fromkeys((value, *others)):
        yield _put(final, {place: other})


def _no_answer(spot: Spot, _: Random) -> Iterator[Call | str]:
    """Go on where the answer was due: a call once more, a check, a thought."""
    if not spot.last:
        return
    yield from dict.fromkeys(turn.reply for turn in spot.turns[:-1])
    value = next((value for *_, value in _arguments(spot.call, spot.toolbox)), "")
    claim = spot.problem.claim
    looked_at: list[Value] = [] if _is_label(value, spot) else [value]
    looked_at += [claim.text, claim.formula] if claim else []
    for function in spot.toolbox.functions:
        name, parameters = function.signature.name, function.signature.parameters
        if name == "Reasoning":
            yield Call(function=name, keywords=(("thought", DOUBT),))
        elif function.signature.group == "verify" and not parameters:
            yield Call(function=name)
        elif function.signature.group == "verify":
            for one in looked_at:
                yield Call(function=name, keywords=((parameters[0].name, one),))


def _format(spot: Spot, _: Random) -> Iterator[str]:
    """Write the call so that it cannot be read as one."""
    text = show(spot.call, spot.grammar)
    quote = max(text.rfind("'"), text.rfind('"'))
    beside = spot.turns[spot.at - 1 if spot.last else spot.at + 1].reply
    for broken in (
        text[:-1],
        f"{text[:quote]}{text[quote + 1 :]}" if quote >= 0 else text,
        f"{PROSE} {text}",
        f"{text}\n{beside}",
    ):
        if isinstance(parse(broken, spot.grammar), Outcome):
            yield broken


CORRUPTERS: Mapping[Corruption, Corrupter] = MappingProxyType(
    {
        "digit": _digit,
        "argument": _argument,
        "order": _order,
        "function": _function,
        "rule": _rule,
        "early_answer": _early_answer,
        "no_answer": _no_answer,
        "format": _format,
    }
)


def _arguments(call: Call, toolbox: Toolbox) -> list[tuple[int, Parameter, Value]]:
    """Return a call's arguments, by place in it, with what they are for."""
    function = toolbox.find(call.function)
    if function is None:
        return []
    parameters = function.signature.parameters
    by_name = {one.name: one for one in parameters}
    given = list(zip(parameters, call.positional, strict=False))
    given += [(by_name[name], value) for name, value in call.keywords if name in by_name]
    return [(place, parameter, value) for place, (parameter, value) in enumerate(given)]


def _put(call: Call, values: Mapping[int, Value]) -> Call:
    """Return a call with other arguments at some places."""
    count = len(call.positional)
    return evolve(
        call,
        positional=tuple(values.get(at, value) for at, value in enumerate(call.positional)),
        keywords=tuple(
            (name, values.get(at, value)) for at, (name, value) in enumerate(call.keywords, count)
        ),
    )


def _is_label(value: Value, spot: Spot) -> bool:
    return isinstance(value, str) and value.casefold() == spot.problem.gold.casefold()


def _sort(call: Call, parameter: Parameter) -> str:
    """Return what a text stands for; two of one sort can stand in each other's place."""
    quoted = parameter.name in _QUOTED or call.function == "Answer"
    return "quoted" if quoted else parameter.name


def _texts(spot: Spot, sort: str) -> Iterator[str]:
    """Yield texts of a sort: those of the problem, of results so far, and of the chain's calls."""
    found: list[Value] = []
    if sort in {"quoted", "text"}:
        found += [one.text for one in spot.problem.givens]
        found += [spot.problem.claim.text] if spot.problem.claim else []
        told = [turn.outcome for turn in spot.turns[: spot.at]]
        found += [_TRUTH.sub("", one.text) for one in told if one.code is None]
    for call in spot.calls:
        for _, parameter, value in _arguments(call, spot.toolbox) if call else ():
            if parameter.kind == "text" and _sort(call or spot.call, parameter) == sort:
                found.append(value)
    yield from (one for one in dict.fromkeys(found) if isinstance(one, str))


def _numbers(spot: Spot) -> Iterator[Fraction]:
    """Yield the numbers of the problem and of results so far."""
    yield from dict.fromkeys((*sorted(quantities(spot.problem.text)), *_results(spot)))


def _results(spot: Spot) -> list[Fraction]:
    read = (read_number(turn.outcome.text) for turn in spot.turns[: spot.at])
    return [value for value in read if value is not None]
