"""Hypothesis strategies of the mathematics tasks."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from fcpref.core.chains import Chain, Reply, advance, begin, finish
from fcpref.core.chains.values import Limits
from fcpref.core.functions import Call, show_call
from fcpref.core.problems import Problem, Statement, algebra
from fcpref.core.problems.algebra import KINDS, MAX_LEVEL, AlgebraSpec
from fcpref.core.problems.expressions import Expression, Number, Operation
from fcpref.core.problems.polynomials import Polynomial
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.word import MAX_DISTRACTORS, MAX_STEPS, WordSpec, generate
from fcpref.core.tasks import find_task

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

OPERATIONS = ("Add", "Subtract", "Multiply", "Divide", "Power", "Percent", "Round", "Check")
PARAMETERS = {"Percent": ("p", "of"), "Round": ("a", "places"), "Check": ("value",)}


def rationals() -> SearchStrategy[Fraction]:
    """Numbers of everyday size, and a few that are not."""
    return st.one_of(
        st.integers(-60, 60).map(Fraction),
        st.fractions(min_value=-100, max_value=100, max_denominator=50),
        st.integers(-(10**30), 10**30).map(Fraction),
    )


def arithmetic_replies() -> SearchStrategy[str]:
    """Calls of the arithmetic functions, with any numbers."""
    return st.sampled_from(OPERATIONS).flatmap(
        lambda name: st.tuples(*(rationals() for _ in PARAMETERS.get(name, ("a", "b")))).map(
            lambda values: show_call(
                Call(
                    function=name,
                    keywords=tuple(zip(PARAMETERS.get(name, ("a", "b")), values, strict=True)),
                )
            )
        )
    )


def expressions() -> SearchStrategy[Expression]:
    """Expressions with numbers that are not negative, as people write them."""
    numbers = st.one_of(
        st.integers(0, 99).map(Fraction), st.integers(0, 999).map(lambda n: Fraction(n, 100))
    ).map(lambda value: Number(value=value))
    return st.recursive(
        numbers,
        lambda inner: st.builds(
            Operation, operator=st.sampled_from("+-*/"), left=inner, right=inner
        ),
        max_leaves=8,
    )


def word_specs() -> SearchStrategy[WordSpec]:
    """Knobs in range."""
    return st.tuples(st.integers(1, MAX_STEPS), st.integers(1, MAX_STEPS)).flatmap(
        lambda pair: st.builds(
            WordSpec,
            min_steps=st.just(min(pair)),
            max_steps=st.just(max(pair)),
            distractors=st.integers(0, MAX_DISTRACTORS),
            units=st.sampled_from((0.0, 0.25, 1.0)),
            spelled=st.sampled_from((0.0, 0.25, 1.0)),
            formal=st.booleans(),
            templates=st.sampled_from(("common", "held_out")),
            vocabulary=st.sampled_from(("common", "held_out")),
        )
    )


def word_problems() -> SearchStrategy[Problem]:
    """Generated word problems."""
    return st.builds(
        lambda spec, seed, split, index: generate(spec, seed=seed, split=split, index=index),
        word_specs(),
        st.integers(0, 2**32),
        st.sampled_from(SPLITS),
        st.integers(0, 10_000),
    )


def math_problem(text: str, gold: str) -> Problem:
    """Return a problem that is only its text and its answer."""
    return Problem(task="math.word", split="train", index=0, difficulty=1, text=text, gold=gold)


def math_chain(problem: Problem, *replies: str) -> Chain:
    """Return the chain of these replies, however many of them fail."""
    limits = Limits(failures=len(replies) + 1)
    state = begin(find_task(problem.task).toolbox, problem, (), limits)
    for reply in replies:
        state = advance(state, Reply(text=reply))
    return finish(state, "test", 0)


def algebra_specs() -> SearchStrategy[AlgebraSpec]:
    """Knobs in range."""
    levels = st.integers(1, MAX_LEVEL)
    return st.tuples(levels, levels).flatmap(
        lambda pair: st.builds(
            AlgebraSpec,
            kinds=st.lists(st.sampled_from(KINDS), min_size=1, unique=True).map(tuple),
            min_level=st.just(min(pair)),
            max_level=st.just(max(pair)),
            unknowns=st.sampled_from((2, 3)),
            coefficients=st.sampled_from((3, 9, 30)),
            distractors=st.integers(0, 4),
            formal=st.booleans(),
            templates=st.sampled_from(("common", "held_out")),
            vocabulary=st.sampled_from(("common", "held_out")),
        )
    )


def algebra_problems() -> SearchStrategy[Problem]:
    """Generated problems of every kind, in words and as formulas."""
    return st.builds(
        lambda spec, seed, split, index: algebra.generate(
            spec, seed=seed, split=split, index=index
        ),
        algebra_specs(),
        st.integers(0, 2**32),
        st.sampled_from(SPLITS),
        st.integers(0, 10_000),
    )


def polynomials(letters: str = "xyz") -> SearchStrategy[Polynomial]:
    """Polynomials that stay within every limit."""
    powers = st.lists(st.sampled_from(letters), max_size=3).map(lambda seen: tuple(sorted(seen)))
    numbers = st.fractions(min_value=-50, max_value=50, max_denominator=12)
    terms = st.dictionaries(powers, numbers.filter(bool), max_size=5)
    return terms.map(
        lambda found: Polynomial(
            tuple(sorted(found.items(), key=lambda term: (-len(term[0]), term[0])))
        )
    )


def expression_texts(leaves: int = 8) -> SearchStrategy[str]:
    """Expressions with unknowns as people write them; sympy reads them with ``*`` and ``**``."""
    atoms = st.one_of(
        st.integers(0, 99).map(str), st.sampled_from(("x", "y", "2*x", "3*y", "x**2"))
    )
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
            st.builds("({})/{}".format, inner, st.integers(1, 9)),
            st.builds("-{}".format, inner.map(lambda text: f"({text})")),
        ),
        max_leaves=leaves,
    )


def algebra_texts() -> SearchStrategy[str]:
    """Texts that look like equations: right, wrong and broken ones."""
    pieces = st.sampled_from(
        (
            *"xyzn0123456789+-*/^()=., ",
            *("2x", "3(x - 4)", " = ", "x^6", "x**2", "1/2*x", "((", "))", "-(", "/0", "^0"),
            *("\u2212", "\u00d7", "\u00b2", "\uff58", "\u0661", "999999999999", "0.5", "price"),
        )
    )
    return st.lists(pieces, max_size=40).map("".join)


def algebra_replies() -> SearchStrategy[str]:
    """Calls of the algebra functions, with any texts."""
    parameters = {
        "Equation": ("equation",),
        "Simplify": ("expression",),
        "SolveLinear": ("equation", "variable"),
        "Substitute": ("expression", "variable", "value"),
        "Check": ("claim",),
    }
    texts = st.one_of(algebra_texts(), st.sampled_from(("x", "y", "2x + 3 = 11", "x = 4", "4")))
    return st.sampled_from(tuple(parameters)).flatmap(
        lambda name: st.tuples(*(texts for _ in parameters[name])).map(
            lambda values: show_call(
                Call(function=name, keywords=tuple(zip(parameters[name], values, strict=True)))
            )
        )
    )


def algebra_problem(
    text: str, gold: str, *equations: str, asked: str = "", formal: bool = False
) -> Problem:
    """Return a problem of these equations."""
    return Problem(
        task="math.algebra",
        split="train",
        index=0,
        difficulty=1,
        text=text,
        givens=tuple(Statement(text="", formula=equation) for equation in equations),
        claim=Statement(text=asked, formula=asked) if asked else None,
        gold=gold,
        tags=("formal",) if formal else (),
    )
