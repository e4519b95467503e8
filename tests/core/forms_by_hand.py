"""Problems of `fol.forms` made by hand, and what calls on them come to."""

from fcpref.core.chains import Limits, replay
from fcpref.core.functions import Call, show_call
from fcpref.core.logic.steps import NEGATION_NORMAL, steps_to
from fcpref.core.problems import Problem, Statement
from fcpref.core.problems.forms import MAX_STEPS, sentence_of, target_of
from fcpref.core.problems.forms_wording import ASKED
from fcpref.core.tasks.fol_forms import TASK
from tests.played import played

LIMITS = Limits(calls=80, failures=80)


def problem_of(text, target=NEGATION_NORMAL):
    """Make a problem by hand."""
    return Problem(
        task="fol.forms",
        split="train",
        index=0,
        difficulty=1,
        text=f"Bring the sentence to {target}: {ASKED[target]}.\nSentence: {text}",
        claim=Statement(text=text, formula=text),
        gold=target,
        tags=("formal", f"target:{target}"),
    )


NOT_ALL = problem_of("not (forall x. (P(x) -> Q(x)))")
DONE = "exists x. (P(x) and not Q(x))"
REWRITTEN = (
    "NegatedQuantifier(part='not (forall x. (P(x) -> Q(x)))')",
    "Implication(part='P(x) -> Q(x)')",
    "DeMorgan(part='not (not P(x) or Q(x))')",
    "DoubleNegation(part='not not P(x)')",
)


def codes(*replies, problem=NOT_ALL):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.code for outcome in outcomes]


def score(problem, lines):
    return TASK.score(played(problem, lines, limits=LIMITS), problem)


def verdict(*lines, problem=NOT_ALL):
    return score(problem, lines).verdict


def answer(sentence):
    return show_call(Call(function="Answer", keywords=(("value", sentence),)))


def final(problem):
    """Return the sentence that the oracle comes to."""
    return steps_to(target_of(problem), sentence_of(problem), most=MAX_STEPS)[-1].result
