"""Deduction problems made by hand, from formula texts."""

from fcpref.core.logic import parse, show
from fcpref.core.logic.chaining import as_rule
from fcpref.core.problems import Problem, Statement
from fcpref.core.problems.english import phrasings, say, say_rule


def problem_of(givens, claim, gold="True", *, formal=False):
    """Make a problem by hand from formula texts."""
    *given, asked = (statement(text, formal=formal) for text in (*givens, claim))
    return Problem(
        task="fol.deduction",
        split="train",
        index=0,
        difficulty=1,
        text="\n".join([*(one.text for one in given), f"Claim: {asked.text}"]),
        givens=tuple(given),
        claim=asked,
        gold=gold,
        tags=("formal",) if formal else (),
    )


def statement(text, *, formal):
    formula = parse(text)
    rule = as_rule(formula)
    if formal:
        return Statement(text=show(formula), formula=text)
    said = say(formula) if rule is None else say_rule(rule, phrasings(rule)[0])
    return Statement(text=said, formula=text)


KIND_MAX = problem_of(
    (
        "forall x. (Kind(x) -> Calm(x))",
        "forall x. (Calm(x) -> not Tall(x))",
        "Kind(max)",
        "Tall(sam)",
    ),
    "Tall(max)",
    "False",
)
