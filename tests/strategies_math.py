"""Hypothesis strategies of the mathematics tasks."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from fcpref.core.chains import Chain, Reply, advance, begin, finish
from fcpref.core.chains.values import Limits
from fcpref.core.functions import Call, show_call
from fcpref.core.problems import Problem
from fcpref.core.problems.expressions import Expression, Number, Operation
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
            spelled=st.sampled_from((0.0, 0.25, 1.0)),
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
    """Return the chain of these replies."""
    state = begin(find_task("math.word").toolbox, problem, (), Limits())
    for reply in replies:
        state = advance(state, Reply(text=reply))
    return finish(state, "test", 0)
