"""Kind `sequence` of family `algebra`: arithmetic and geometric sequences."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from fcpref.core.problems.algebra_draft import Draft, Size, Work, choose, nonzero, phrase

if TYPE_CHECKING:
    from fcpref.core.seeds import Random

_LARGEST = 200_000
_RATIOS = (-3, -2, 2, 3, 4, 5, Fraction(1, 2), Fraction(3, 2), Fraction(1, 3), Fraction(5, 2))
_GEOMETRIC = 0.3
_FIND = ("What is term {n}?", "Find term {n}.", "Give the value of term {n}.")
_OTHER_FIND = ("Which number is at place {n}?", "How large is the number at place {n}?")
_SUM = (
    "What is the sum of the terms 1 to {n}?", "Add up the terms 1 to {n}. What is the sum?",
)  # fmt: skip
_OTHER_SUM = (
    "How much do the numbers at places 1 to {n} make together?",
    "What is the total of the first {n} numbers?",
)
_PLACE = ("Which place has the term {v}?", "The term at which place is {v}?")
_OTHER_PLACE = ("Where does {v} stand?", "At which place does {v} come?")


def draft_sequence(size: Size, stream: Random) -> Draft | None:
    """Return a sequence problem; None when the draw does not fit.

    Level 1 goes from the first term to another; level 2 from two terms to another, or from a term
    to its place; level 3 adds terms up.
    """
    if size.level == 2:  # noqa: PLR2004
        return (_two_terms if stream.random() < 0.6 else _place)(size, stream)  # noqa: PLR2004
    geometric = stream.random() < _GEOMETRIC
    return (_geometric if geometric else _arithmetic)(size, stream)


def _arithmetic(size: Size, stream: Random) -> Draft | None:
    first, step, n = _start(size, stream)
    work = Work()
    term = work.do(work.do(work.do(n, "-", 1), "*", step), "+", first)
    gold = term
    if size.level > 1:
        gold = work.do(work.do(work.do(first, "+", term), "*", n), "/", 2)
    said = _stepping(first, step, size, stream)
    return _draft(
        said, (f"a(1) = {first}", _rule(step)), n, gold, work, size, stream, total=size.level > 1,
    )  # fmt: skip


def _geometric(size: Size, stream: Random) -> Draft | None:
    ratio = Fraction(stream.choice(_RATIOS))
    first = Fraction(stream.randint(1, 40 * size.coefficients))
    n = stream.randint(3, 8)
    work = Work()
    if size.level == 1:
        gold = work.do(work.do(ratio, "^", work.do(n, "-", 1)), "*", first)
    else:
        top = work.do(work.do(ratio, "^", n), "-", 1)
        gold = work.do(work.do(top, "/", work.do(ratio, "-", 1)), "*", first)
    common = {
        "times": f"The first term of a sequence is {first}. Each next term is {ratio} times the "
        "one before.",
        "ratio": f"A geometric sequence begins with {first} and has the ratio {ratio}.",
    }
    held_out = {
        "row": f"Numbers stand in a row. At the very left is {first}, and whoever goes one place "
        f"to the right multiplies by {ratio}.",
        "chain": f"A chain of numbers starts at {first}. A number of the chain times {ratio} is "
        "its successor.",
    }
    said = phrase(size, common, held_out, stream)
    return _draft(
        said, (f"a(1) = {first}", f"a(n + 1) = {ratio} * a(n)"), n, gold, work, size, stream,
        total=size.level > 1,
    )  # fmt: skip


def _two_terms(size: Size, stream: Random) -> Draft | None:
    first, step, n = _start(size, stream)
    i, j = sorted(stream.sample(range(2, 16), 2))
    if n in {i, j}:
        return None
    low, high = first + (i - 1) * step, first + (j - 1) * step
    work = Work()
    difference = work.do(work.do(high, "-", low), "/", work.do(j, "-", i))
    gold = work.do(work.do(work.do(n, "-", i), "*", difference), "+", low)
    common = {
        "terms": f"In an arithmetic sequence term {i} is {low} and term {j} is {high}.",
        "steady": f"The terms of a sequence change by the same amount each time. Term {i} is "
        f"{low}, term {j} is {high}.",
    }
    held_out = {
        "row": f"Numbers stand in a row at equal distances. At place {i} there is {low}, at place "
        f"{j} there is {high}.",
        "ladder": f"The rungs of a ladder carry evenly growing or falling numbers: rung {i} has "
        f"{low} and rung {j} has {high}.",
    }
    said = phrase(size, common, held_out, stream)
    return _draft(
        said, ("a is arithmetic", f"a({i}) = {low}", f"a({j}) = {high}"), n, gold, work, size,
        stream,
    )  # fmt: skip


def _place(size: Size, stream: Random) -> Draft | None:
    first, step, n = _start(size, stream)
    value = first + (n - 1) * step
    work = Work()
    gold = work.do(work.do(work.do(value, "-", first), "/", step), "+", 1)
    said = _stepping(first, step, size, stream)
    if said is None:
        return None
    phrasing, told = said
    question = choose(size, _PLACE, _OTHER_PLACE, stream).format(v=value)
    return Draft(
        phrasing=f"{phrasing}-place",
        sentences=(told,),
        formal=(f"a(1) = {first}", _rule(step), f"a(n) = {value}"),
        question=question,
        formal_question="What is n?",
        gold=gold,
        lines=tuple(work.lines),
        form=f"sequence {work.form}",
    )


def _draft(
    said: tuple[str, str] | None,
    formal: tuple[str, ...],
    n: int,
    gold: Fraction,
    work: Work,
    size: Size,
    stream: Random,
    *,
    total: bool = False,
) -> Draft | None:
    if said is None or abs(gold) > _LARGEST or gold.denominator > _LARGEST:
        return None
    phrasing, told = said
    return Draft(
        phrasing=f"{phrasing}-sum" if total else phrasing,
        sentences=(told,),
        formal=formal,
        question=_asked(size, stream, total=total).format(n=n),
        formal_question=f"Find a(1) + ... + a({n})." if total else f"Find a({n}).",
        gold=gold,
        lines=tuple(work.lines),
        form=f"sequence {work.form}",
    )


def _asked(size: Size, stream: Random, *, total: bool) -> str:
    if total:
        return choose(size, _SUM, _OTHER_SUM, stream)
    return choose(size, _FIND, _OTHER_FIND, stream)


def _start(size: Size, stream: Random) -> tuple[int, int, int]:
    most = size.coefficients
    return nonzero(10 * most, stream), nonzero(3 * most, stream), stream.randint(5, 60)


def _stepping(first: int, step: int, size: Size, stream: Random) -> tuple[str, str] | None:
    more = f"{abs(step)} {'more' if step > 0 else 'less'}"
    common = {
        "steps": f"The first term of a sequence is {first}. Each next term is {more} than the one "
        "before.",
        "difference": f"An arithmetic sequence begins with {first} and has the difference {step}.",
        "list": f"A list of numbers begins {first}, {first + step}, {first + 2 * step} and goes on "
        f"in steps of {step}.",
    }
    turn = f"{'up' if step > 0 else 'down'} by {abs(step)}"
    held_out = {
        "row": f"Numbers stand in a row. At the very left is {first}, and each place to the right "
        f"goes {turn}.",
        "counter": f"A counter shows {first} at place 1 and goes {turn} with every click.",
    }
    return phrase(size, common, held_out, stream)


def _rule(step: int) -> str:
    return f"a(n + 1) = a(n) {'+' if step > 0 else '-'} {abs(step)}"
