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

from attrs import evolve

from fcpref.core.functions import Call, Outcome
from fcpref.core.functions.grammars import parse, show
from fcpref.core.numbers import read_number, show_number
from fcpref.core.pairs.corruption_spots import (
    QUOTED,
    Spot,
    arguments,
    is_label,
    numbers,
    put,
    results,
    sort_of,
    texts,
)
from fcpref.core.seeds import Random

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fcpref.core.functions import Value
    from fcpref.core.pairs.values import Corruption

LABELS = ("True", "False", "Unknown")
PROSE = "I will now call the function:"
DOUBT = "I should look at this once more."
# Joined facts are the same fact in either order; the name that a call gives it is all that differs.
_EITHER_WAY = frozenset({"AndIntro"})
_NUMBER = re.compile(r"(?<![\w.])\d[\d.]*", re.ASCII)
_RELATION = re.compile(r"(\w+)\((\w+), (\w+)\)", re.ASCII)


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
    for place, _, value in arguments(spot.call, spot.toolbox):
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
                    yield put(spot.call, {place: changed})


def _argument(spot: Spot, _: Random) -> Iterator[Call]:
    """Replace a text by another one of the problem or the chain, a number by another one."""
    for place, parameter, value in arguments(spot.call, spot.toolbox):
        if parameter.kind == "number":
            others: Iterable[Value] = numbers(spot)
        elif is_label(value, spot) or parameter.name in {"rule", "thought"}:
            continue
        else:
            others = texts(spot, sort_of(spot.call, parameter))
        for other in others:
            if other != value:
                yield put(spot.call, {place: other})


def _order(spot: Spot, _: Random) -> Iterator[Call]:
    """Swap two operands, or the two terms of a relation."""
    given = arguments(spot.call, spot.toolbox)
    if len(given) == 2 and spot.call.function not in _EITHER_WAY:  # noqa: PLR2004 - operands
        (place, one, first), (other, two, second) = given
        alike = one.kind == two.kind == "number" or (one.name in QUOTED and two.name in QUOTED)
        if alike and one.default is two.default is None:
            yield put(spot.call, {place: second, other: first})
    for place, _parameter, value in given:
        if found := _RELATION.fullmatch(str(value)):
            name, left, right = found.groups()
            yield put(spot.call, {place: f"{name}({right}, {left})"})


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
    for place, parameter, value in arguments(spot.call, spot.toolbox):
        if parameter.name == "rule":
            formal = any(value == one.formula for one in rules)
            for one in rules:
                yield put(spot.call, {place: one.formula if formal else one.text})


def _early_answer(spot: Spot, _: Random) -> Iterator[Call]:
    """Answer before it is time: what will be the answer, or something else."""
    final = spot.calls[-1]
    if spot.last or final is None or final.function != "Answer":
        return
    place, parameter, value = arguments(final, spot.toolbox)[0]
    others: Iterable[Value]
    if parameter.kind == "number":
        others = results(spot)
    elif is_label(value, spot):
        others = LABELS
    else:
        others = texts(spot, sort_of(final, parameter))
    for other in dict.fromkeys((value, *others)):
        yield put(final, {place: other})


def _no_answer(spot: Spot, _: Random) -> Iterator[Call | str]:
    """Go on where the answer was due: a call once more, a check, a thought."""
    if not spot.last:
        return
    yield from dict.fromkeys(turn.reply for turn in spot.turns[:-1])
    value = next((value for *_, value in arguments(spot.call, spot.toolbox)), "")
    claim = spot.problem.claim
    looked_at: list[Value] = [] if is_label(value, spot) else [value]
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
