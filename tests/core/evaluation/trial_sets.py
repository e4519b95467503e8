"""Strategies for trials."""

from __future__ import annotations

from hypothesis import strategies as st

from fcpref.core.evaluation import VERDICTS, Trial

CODES = ("unparseable", "unknown_function", "argument_type", "limit")


def trial(
    problem: str = "p0",
    verdict: str = "correct",
    *,
    sample: int = 0,
    family: str = "fol.deduction",
    difficulty: int = 1,
    codes: tuple[str, ...] = (),
    calls: int = 4,
    tokens: int = 60,
) -> Trial:
    """Return a trial; a test names what it depends on."""
    return Trial(
        problem=problem,
        family=family,
        difficulty=difficulty,
        sample=sample,
        verdict=verdict,
        codes=codes,
        calls=calls,
        tokens=tokens,
    )


@st.composite
def trial_sets(draw, sets=1, max_problems=5):
    """Draw sets of trials of as many models on the same problems, with k samples each."""
    k = draw(st.integers(1, 5))
    problems = [
        (f"p{index}", draw(st.sampled_from(["fol", "math"])), draw(st.integers(1, 3)))
        for index in range(draw(st.integers(1, max_problems)))
    ]
    return tuple(
        tuple(
            trial(
                problem,
                draw(st.sampled_from(VERDICTS)),
                sample=sample,
                family=family,
                difficulty=difficulty,
                codes=tuple(draw(st.lists(st.sampled_from(CODES), max_size=3))),
                calls=3 + draw(st.integers(0, 5)),
            )
            for problem, family, difficulty in problems
            for sample in range(k)
        )
        for _ in range(sets)
    )
