"""A problem of `fol.models` made by hand, and what calls on it come to."""

from fcpref.core.chains import Limits, replay
from fcpref.core.logic import Exists, ForAll
from fcpref.core.logic.formulas import subformulas
from fcpref.core.problems import Problem, Statement
from fcpref.core.tasks.fol_models import TASK
from tests.played import played

LIMITS = Limits(calls=80, failures=80)
WORLD = (
    Statement(text="People: Ann, Ben.", formula="forall x. (x = ann or x = ben)"),
    Statement(text="Big: Ann.", formula="Big(ann) and not Big(ben)"),
    Statement(text="Red: Ann, Ben.", formula="Red(ann) and Red(ben)"),
    Statement(
        text="Likes: Ann likes Ben.",
        formula="not Likes(ann, ann) and Likes(ann, ben) and not Likes(ben, ann) and "
        "not Likes(ben, ben)",
    ),
)
ASKED = "forall x. (Big(x) -> Red(x))"
PROBLEM = Problem(
    task="fol.models",
    split="train",
    index=0,
    difficulty=1,
    text="\n".join((*(line.text for line in WORLD), f"Sentence: {ASKED}")),
    givens=WORLD,
    claim=Statement(text=ASKED, formula=ASKED),
    gold="True",
)
BUILT = (
    "Holds(atom='Big(x)')",
    "Holds(atom='Red(x)')",
    "Implies(a='Big(x)', b='Red(x)')",
    "ForAll(variable='x', body='Big(x) -> Red(x)')",
)


def told(*replies, problem=PROBLEM):
    """Return what a model is told after the last reply."""
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return outcomes[-1].text


def score(problem, lines):
    return TASK.score(played(problem, lines, limits=LIMITS), problem)


def answered(*lines, problem=PROBLEM):
    return score(problem, [*lines, f"Answer(value='{problem.gold}')"]).verdict


def depth(formula):
    kinds = ForAll | Exists
    inner = [depth(part) for part in subformulas(formula)[1:] if isinstance(part, kinds)]
    return max(inner, default=0) + isinstance(formula, kinds)
