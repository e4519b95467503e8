"""Kind `sequence` of family `algebra`: arithmetic and geometric sequences."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from fcpref.core.problems.algebra_draft import Draft, Size, Work, nonzero

if TYPE_CHECKING:
    from fcpref.core.seeds import Random

_LARGEST = 200_000
_RATIOS = (-3, -2, 2, 3, 4, 5, Fraction(1, 2), Fraction(3, 2), Fraction(1, 3), Fraction(5, 2))
_GEOMETRIC = 0.3
_FIND = ("What is term {n}?", "Find term {n}.", "Give the value of term {n}.")
_SUM = (
    "What is the sum of the terms 1 to {n}?", "Add up the terms 1 to {n}. What is the sum?",
)  # fmt: skip


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
    phrasing, told = _stepping(first, step, stream)
    return _draft(
        phrasing, (told,), (f"a(1) = {first}", _rule(step)), n, gold, work,
        ["arithmetic", first, step, n], stream, total=size.level > 1,
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
    told = {
        "times": f"The first term of a sequence is {first}. Each next term is {ratio} times the "
        "one before.",
        "ratio": f"A geometric sequence begins with {first} and has the ratio {ratio}.",
    }
    phrasing = stream.choice(tuple(told))
    return _draft(
        phrasing, (told[phrasing],), (f"a(1) = {first}", f"a(n + 1) = {ratio} * a(n)"), n, gold,
        work, ["geometric", first, str(ratio), n], stream, total=size.level > 1,
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
    told = {
        "terms": f"In an arithmetic sequence term {i} is {low} and term {j} is {high}.",
        "steady": f"The terms of a sequence change by the same amount each time. Term {i} is "
        f"{low}, term {j} is {high}.",
    }
    phrasing = stream.choice(tuple(told))
    return _draft(
        phrasing, (told[phrasing],),
        ("a is arithmetic", f"a({i}) = {low}", f"a({j}) = {high}"), n, gold, work,
        ["two_terms", i, low, j, high, n], stream,
    )  # fmt: skip


def _place(size: Size, stream: Random) -> Draft | None:
    first, step, n = _start(size, stream)
    value = first + (n - 1) * step
    work = Work()
    gold = work.do(work.do(work.do(value, "-", first), "/", step), "+", 1)
    phrasing, told = _stepping(first, step, stream)
    question = stream.choice(
        ("Which place has the term {v}?", "The term at which place is {v}?")
    ).format(v=value)
    return Draft(
        phrasing=f"{phrasing}-place",
        sentences=(told,),
        formal=(f"a(1) = {first}", _rule(step), f"a(n) = {value}"),
        question=question,
        formal_question="What is n?",
        gold=gold,
        lines=tuple(work.lines),
        form=["sequence", "place", first, step, value],
    )


def _draft(  # noqa: PLR0913 - the parts of every sequence problem
    phrasing: str,
    sentences: tuple[str, ...],
    formal: tuple[str, ...],
    n: int,
    gold: Fraction,
    work: Work,
    form: list[object],
    stream: Random,
    *,
    total: bool = False,
) -> Draft | None:
    if abs(gold) > _LARGEST or gold.denominator > _LARGEST:
        return None
    plain = [str(part) if isinstance(part, Fraction) else part for part in form]
    return Draft(
        phrasing=f"{phrasing}-sum" if total else phrasing,
        sentences=sentences,
        formal=formal,
        question=stream.choice(_SUM if total else _FIND).format(n=n),
        formal_question=f"Find a(1) + ... + a({n})." if total else f"Find a({n}).",
        gold=gold,
        lines=tuple(work.lines),
        form=["sequence", "sum" if total else "term", *plain],
    )


def _start(size: Size, stream: Random) -> tuple[int, int, int]:
    most = size.coefficients
    return nonzero(10 * most, stream), nonzero(3 * most, stream), stream.randint(5, 60)


def _stepping(first: int, step: int, stream: Random) -> tuple[str, str]:
    more = f"{abs(step)} {'more' if step > 0 else 'less'}"
    told = {
        "steps": f"The first term of a sequence is {first}. Each next term is {more} than the one "
        "before.",
        "difference": f"An arithmetic sequence begins with {first} and has the difference {step}.",
        "list": f"A list of numbers begins {first}, {first + step}, {first + 2 * step} and goes on "
        f"in steps of {step}.",
    }
    phrasing = stream.choice(tuple(told))
    return phrasing, told[phrasing]


def _rule(step: int) -> str:
    return f"a(n + 1) = a(n) {'+' if step > 0 else '-'} {abs(step)}"
