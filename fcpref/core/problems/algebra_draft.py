"""What the kinds of family `algebra` have in common: a draft, the work that solves it, letters."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeVar

from attrs import field, frozen

from fcpref.core.problems.algebra_words import WORDS, Templates, Words
from fcpref.core.problems.operations_form import Step, form_of_steps
from fcpref.core.problems.polynomials import Polynomial, show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.seeds import Random

Sign = Literal["+", "-", "*", "/", "^", "%"]
T = TypeVar("T")


@frozen(kw_only=True)
class Size:
    """How large a problem is.

    Attributes:
        level: from 1 to 5.
        unknowns: most unknowns of a system, 2 or 3.
        coefficients: largest coefficient, from 3.
        templates: ``common``, or ``held_out`` for sentences that only a test set uses.
        words: letters, names and things.
    """

    level: int
    unknowns: int
    coefficients: int
    templates: Templates = "common"
    words: Words = WORDS["common"]


@frozen(kw_only=True)
class Draft:
    """A problem in words and as formulas, before its distractors.

    Attributes:
        phrasing: the name of the situation in words.
        sentences: in words, without the question.
        formal: the same as formulas, one a line; the equations first, where there are any.
        question: what is asked, in words and in formulas alike.
        equations: what the sentences say about the unknowns.
        asked: the expression of the unknowns that is asked for; empty where there are none.
        values: of the unknowns.
        gold: the answer.
        lines: the reference solution: ``3 + 4 = 7``, ``20 % 50 = 10``, ``x = 5``.
        form: the canonical form: it has numbers, but no letters, no words and no order;
            `algebra_form.form_of` reads it off the finished problem.
    """

    phrasing: str
    sentences: tuple[str, ...]
    formal: tuple[str, ...]
    question: str
    formal_question: str = ""
    equations: tuple[str, ...] = ()
    asked: str = ""
    values: tuple[Fraction, ...] = ()
    gold: Fraction
    lines: tuple[str, ...]
    form: str


@frozen
class Work:
    """Operations one after the other, written down as they are done."""

    lines: list[str] = field(factory=list)
    steps: list[Step] = field(factory=list)

    @property
    def form(self) -> str:
        """Return the canonical form of what was done."""
        return form_of_steps(self.steps)

    def do(self, a: Fraction | int, sign: Sign, b: Fraction | int) -> Fraction:
        """Return ``a sign b``, exactly; ``a % b`` is a percent of b."""
        left, right = Fraction(a), Fraction(b)
        match sign:
            case "+":
                result = left + right
            case "-":
                result = left - right
            case "*":
                result = left * right
            case "/":
                result = left / right
            case "^":
                result = Fraction(left ** int(right))
            case _:
                result = left * right / 100
        self.lines.append(f"{left} {sign} {right} = {result}")
        self.steps.append(Step(left, sign, right, result))
        return result


def linear(
    coefficients: Sequence[int], letters: Sequence[str], last: Fraction | int = 0
) -> Polynomial:
    """Return a sum of multiples of letters, and a number."""
    terms = [
        ((letter,), Fraction(value))
        for letter, value in zip(letters, coefficients, strict=True)
        if value
    ]
    terms.sort(key=lambda term: term[0])
    return Polynomial((*terms, *([((), Fraction(last))] if last else [])))


def show_linear(
    coefficients: Sequence[int], letters: Sequence[str], last: Fraction | int = 0
) -> str:
    """Print a sum of multiples of letters, and a number."""
    return show(linear(coefficients, letters, last))


def signed(value: Fraction | int, plus: str = "plus", minus: str = "minus") -> str:
    """Return ``plus 3`` or ``minus 3``."""
    return f"{plus} {value}" if value >= 0 else f"{minus} {-value}"


def nonzero(limit: int, stream: Random) -> int:
    """Draw a number from -limit to limit that is not 0."""
    return stream.choice((-1, 1)) * stream.randint(1, limit)


def phrase(
    size: Size, common: Mapping[str, T], held_out: Mapping[str, T], stream: Random
) -> tuple[str, T] | None:
    """Choose a name and a phrasing among those of the templates that are asked for.

    Empty texts do not fit the problem's numbers; None when no phrasing does.
    """
    found = common if size.templates == "common" else held_out
    names = [name for name, said in found.items() if said]
    name = stream.choice(names) if names else None
    return None if name is None else (name, found[name])


def choose(size: Size, common: Sequence[T], held_out: Sequence[T], stream: Random) -> T:
    """Choose among the ways to say something that the templates allow."""
    return stream.choice(common if size.templates == "common" else held_out)
