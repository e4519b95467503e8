"""Which numbers are computed from a problem's numbers, call by call.

An operand is grounded when it is given, the result of an earlier grounded call, or one of a closed
list of constants. What such calls compute is a function of the given numbers, and it is tested as
one (`symbols`), so that no detour makes a computation out of nothing:

- It must depend on the given numbers: with all of them symbolic, its value is another one than with
  none. ``5 - 5`` and ``5 * 3 - 5 * 2 - 5`` are constants, and 12 is no more than a constant after
  ``5 * 0 + 12``.
- It must not be a number that goes into it: with that number alone symbolic, wherever it stands,
  its value is another one than the symbol. ``5 + 1 + 1 - 2`` is 5, and 5 was there to be copied.
  A rounding that comes back to a number which it depends on is taken for that number.

Neither 0 nor 1 is a number to rest on, and a zero carries nothing on: no result rests on a given
number because a zero was made of it.

A number may be computed in several ways. Each is a reading of it, and an answer needs one reading
that stands: a useless call takes nothing from what was computed. A given number that was computed
too is first read as computed, or 17 + 2 - 2 would be an answer wherever 19 is given as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from fcpref.core.problems.quantities import Form
from fcpref.core.scores.symbols import PRIME, combine, residue, symbol

if TYPE_CHECKING:
    from fcpref.core.functions.values import Fact

_READINGS = 4
_NUMBER = symbol("the number that may have been copied")
# Every text has a "one" in it, and neither stands for a quantity of the problem.
_PLAIN = frozenset({"0", "1"})


@frozen(kw_only=True)
class _Reading:
    """One way in which a number comes about.

    Attributes:
        number: the exact number.
        value: its residue with all given numbers symbolic.
        calls: the calls behind it.
        by: the function that computed it; empty for a number that was there.
        parts: places of the operands' readings, in order of `Grounding.readings`.
        form: what a given number says of another given number.
    """

    number: str
    value: int
    calls: frozenset[int] = frozenset()
    by: str = ""
    parts: tuple[int, ...] = ()
    form: Form | None = None

    @property
    def rests(self) -> bool:
        """Tell whether it depends on a given number."""
        return self.value != residue(self.number)


@define
class Grounding:
    """What is computed so far, from the facts taken in one after the other.

    Attributes:
        given: numbers that an answer may rest on; with a form where the problem words them as
            another one of its numbers ("25%" gives 1/4).
        constants: numbers that may be used, but that make no answer by themselves.
        readings: of all numbers, in the order in which they came.
    """

    given: Mapping[str, Form | None]
    constants: frozenset[str]
    readings: list[_Reading] = field(factory=list)
    _places: dict[str, list[int]] = field(factory=dict)
    _plain: dict[str, int] = field(factory=dict)
    _used: set[str] = field(factory=set)

    def establish(self, number: str, calls: Iterable[int], name: str) -> None:
        """Take in a number that calls of another kind found; it stands for itself by its name."""
        self._keep(_Reading(number=number, value=symbol(name), calls=frozenset(calls)))

    def take(self, fact: Fact) -> None:
        """Take in the result of an arithmetic call."""
        if not fact.by:
            return
        operands = [self._read(number) for number in fact.uses]
        for number in fact.uses:
            form = self.given.get(number)
            self._used.update((number,) if form is None else (number, str(form.base)))
        # As given numbers only where the computed ones make no copy of it.
        if self._compute(fact, operands) and any(number in self.given for number in fact.uses):
            self._compute(fact, [self._read(number, given=True) for number in fact.uses])

    def proofs(self, number: str) -> tuple[tuple[int, ...], ...]:
        """Return the calls behind each reading of a number that rests on a given one."""
        found = (self.readings[place] for place in self._places.get(number, ()))
        return tuple(tuple(sorted(one.calls)) for one in found if one.calls and one.rests)

    def _compute(self, fact: Fact, operands: list[list[int]]) -> bool:
        """Add the readings of a result; tell whether there is one."""
        stands = False
        for parts in product(*operands):
            value = self._value(fact, parts)
            if value is None or (fact.key in self._used and self._restates(fact, parts)):
                continue
            behind = frozenset({fact.call}).union(*(self.readings[part].calls for part in parts))
            self._keep(
                _Reading(number=fact.key, value=value, calls=behind, by=fact.by, parts=parts)
            )
            stands = True
        return stands

    def _keep(self, reading: _Reading) -> None:
        places = self._places.setdefault(reading.number, [])
        known = {self.readings[place].value for place in places}
        if reading.value not in known and len(places) < _READINGS:
            places.append(len(self.readings))
            self.readings.append(reading)

    def _read(self, number: str, *, given: bool = False) -> list[int]:
        """Return the places of an operand's readings: those that rest on given numbers, if any."""
        if number in self.given:
            self._keep(_Reading(number=number, value=self._given(number), form=self.given[number]))
        places = self._places.get(number, [])
        resting = [place for place in places if self.readings[place].rests]
        computed = [place for place in resting if self.readings[place].calls]
        if number != "0" and resting:
            return resting if given else computed or resting
        plain = residue(number)
        if plain is None or not (places or number in self.constants):
            return []
        if number not in self._plain:
            made = self.readings[places[0]] if places else _Reading(number=number, value=plain)
            self._plain[number] = len(self.readings)
            self.readings.append(evolve(made, value=plain))
        return [self._plain[number]]

    def _given(self, number: str) -> int:
        form = self.given[number]
        return _named(number) if form is None else _formed(form, _named(str(form.base)))

    def _value(self, fact: Fact, parts: tuple[int, ...]) -> int | None:
        """Return the result's residue with all given numbers symbolic."""
        values = [self.readings[part].value for part in parts]
        if fact.by != "Round":
            return combine(fact.by, values, fact.uses[1])
        if self.readings[parts[0]].rests:
            # What is lost in rounding is no function of the given numbers: it is a new one.
            return values[0] if fact.key == fact.uses[0] else symbol(f"{values[0]} to {fact.key}")
        return residue(fact.key)

    def _restates(self, fact: Fact, parts: tuple[int, ...]) -> bool:
        """Tell whether the result is a number that goes into it, or cannot be told from one."""
        values: list[int | None] = []
        for reading in self.readings:
            if reading.number == fact.key:
                values.append(_NUMBER)
            elif not reading.by:
                values.append(_leaf(reading, fact.key))
            else:
                operands = [values[part] for part in reading.parts]
                uses = [self.readings[part].number for part in reading.parts]
                values.append(_computed(reading.by, operands, uses, reading.number))
        operands = [values[part] for part in parts]
        if fact.by == "Round":
            return operands[0] != residue(fact.uses[0])
        found = _computed(fact.by, operands, fact.uses, fact.key)
        return found is None or found == _NUMBER


def _leaf(reading: _Reading, copied: str) -> int | None:
    if reading.form is not None and str(reading.form.base) == copied:
        return _formed(reading.form, _NUMBER)
    return residue(reading.number)


def _computed(
    by: str, operands: Iterable[int | None], uses: Iterable[str], number: str
) -> int | None:
    values = [value for value in operands if value is not None]
    numbers = list(uses)
    if len(values) < len(numbers):
        return None
    if by != "Round":
        return combine(by, values, numbers[1])
    before, after = residue(numbers[0]), residue(number)
    if before is None or after is None:
        return None
    # Rounding takes a plain remainder away, so that adding 0.1 and rounding comes back to it.
    return (values[0] - before + after) % PRIME


def _formed(form: Form, base: int) -> int:
    # Both are percent arithmetic: their denominators are never multiples of the prime.
    factor, offset = residue(str(form.factor)), residue(str(form.offset))
    return (base * (factor or 0) + (offset or 0)) % PRIME


def _named(number: str) -> int:
    return int(number) if number in _PLAIN else symbol(number)
