"""Group `forms`: rewrite a part of the sentence by an equivalent one, name by name.

The part is given as text copied from the sentence and is rewritten wherever it stands. Each call
returns the whole sentence as it is then; the next call quotes a part of that one. A problem in
English is answered in its English; a part is read in English and as a formula alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.functions.values import (
    Arguments,
    Effect,
    Fact,
    FailureCode,
    Function,
    Memory,
    Parameter,
    Signature,
    fail,
    succeed,
)
from fcpref.core.logic import (
    Exists,
    ForAll,
    Formula,
    alpha_equivalent,
    count_structures,
    evaluate,
    parse,
    show,
    structures,
    vocabulary,
)
from fcpref.core.logic.formulas import children, subformulas
from fcpref.core.logic.steps import CLAUSAL, FORMS, apply_step
from fcpref.core.problems.forms import sentence_of, target_of
from fcpref.core.problems.forms_wording import phrasing_in, say
from fcpref.core.problems.sentence_english import read_sentence
from fcpref.errors import FormulaSyntaxError

if TYPE_CHECKING:
    from fcpref.core.problems import Problem

MAX_SENTENCE = 600
MAX_QUOTE = 1_200
MAX_WORK = 2**12  # structures times choices of values for nested variables
MAX_WITNESSES = 6
MAX_PLACES = 3

_REWRITES = (
    (
        "DoubleNegation",
        "double_negation",
        "not not A becomes A.",
        "it is not the case that x is not big",
    ),
    (
        "DeMorgan",
        "de_morgan",
        "not (A and B) becomes not A or not B; not (A or B) becomes not A and not B.",
        "it is not the case that both x is big and x is calm",
    ),
    (
        "Implication",
        "implication",
        "if A, then B (A -> B) becomes not A or B.",
        "if x is big, then x is calm",
    ),
    (
        "Biconditional",
        "biconditional",
        "A exactly if B (A <-> B) becomes (A -> B) and (B -> A).",
        "it is the case that x is big exactly if x is calm",
    ),
    (
        "NegatedQuantifier",
        "negated_quantifier",
        "not forall x. A becomes exists x. not A; not exists x. A becomes forall x. not A.",
        "it is not the case that for every person x, x is big",
    ),
    (
        "PullQuantifier",
        "pull_quantifier",
        "Move the quantifier of one side of and, or, -> in front of both sides.",
        "both for every person x, x is big and Ann is calm",
    ),
    (
        "Distribute",
        "distribute",
        "A or (B and C) becomes (A or B) and (A or C).",
        "either x is big or both x is calm and x is old or both",
    ),
    (
        "Skolemise",
        "skolemise",
        "Replace the variable of the first exists, with only foralls before it, by a function.",
        "there is a person y such that x likes y",
    ),
)


def current(memory: Memory) -> Formula:
    """Return the sentence as the rewrites so far have left it."""
    return parse(memory.facts[-1].key) if memory.facts else sentence_of(memory.problem)


def reached(sentence: Formula, memory: Memory) -> str | None:
    """Return the key of a sentence that rewrites gave, up to bound names; None for any other.

    The given sentence is reached by none.
    """
    keys = [show(sentence_of(memory.problem)), *(fact.key for fact in memory.facts)]
    return next((key for key in reversed(keys) if alpha_equivalent(parse(key), sentence)), None)


def _rewrite(name: str, rule: str, description: str, example: str) -> Function:
    def run(arguments: Arguments, memory: Memory) -> Effect:
        sentence, part = current(memory), _read(str(arguments["part"]))
        if part is None or part not in subformulas(sentence):
            return fail(memory, FailureCode.ARGUMENT_DOMAIN, "part is not a part of the sentence")
        new = apply_step(rule, sentence, part)
        if new is None:
            return fail(memory, FailureCode.NOT_APPLICABLE, f"{name} does not fit this part")
        text = show(new)
        if len(text) > MAX_SENTENCE or _read(text) is None:
            return fail(memory, FailureCode.LIMIT, "the sentence would be too long")
        fact = Fact(key=text, uses=(show(sentence),), call=memory.steps)
        told = say(new, phrasing_in(memory.problem.tags))
        return succeed(evolve(memory, facts=(*memory.facts, fact)), told)

    return Function(
        signature=Signature(
            name=name,
            parameters=(
                Parameter(name="part", kind="text", description="a part of the sentence, copied"),
            ),
            description=description,
            example=f"{name}(part='{example}')",
            group="solve",
        ),
        run=run,
    )


def _check(arguments: Arguments, memory: Memory) -> Effect:
    sentence = _read(str(arguments["sentence"]))
    if sentence is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "sentence is not a sentence")
    target = target_of(memory.problem)
    verb = "is" if FORMS[target](sentence) else "is not"
    return succeed(memory, f"It {verb} in {target}.")


def _answer(arguments: Arguments, memory: Memory) -> Effect:
    sentence = _read(str(arguments["value"]))
    if sentence is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "value is not a sentence")
    target = target_of(memory.problem)
    has_form = FORMS[target](sentence)
    # What rewrites gave says the same as the sentence; only of others it is asked.
    right = has_form and (
        reached(sentence, memory) is not None or _agrees(sentence, memory.problem)
    )
    answer = target if right else f"not {target}"
    return succeed(evolve(memory, answer=answer, final=show(sentence)), "Done.")


FUNCTIONS = (
    *(_rewrite(*one) for one in _REWRITES),
    Function(
        signature=Signature(
            name="Check",
            parameters=(Parameter(name="sentence", kind="text", description="a sentence, copied"),),
            description="Verify whether a sentence is in the form that is asked for.",
            example="Check(sentence='for every person x, x is big')",
            group="verify",
        ),
        run=_check,
    ),
)

ANSWER = Function(
    signature=Signature(
        name="Answer",
        parameters=(Parameter(name="value", kind="text", description="the last sentence, copied"),),
        description="End with the sentence in the form that is asked for.",
        example="Answer(value='for every person x, x is big')",
        group="flow",
    ),
    run=_answer,
)


def _read(text: str) -> Formula | None:
    """Read a formula or controlled English; None for what is neither, or too large to print."""
    if len(text) > MAX_QUOTE:
        return None
    plain = text.strip().rstrip(".").strip()
    formula = read_sentence(plain)
    try:
        return parse(plain if formula is None else show(formula))
    except FormulaSyntaxError:
        return None


def _agrees(answer: Formula, problem: Problem) -> bool:
    """Tell whether no small structure tells an answer from the sentence.

    Structures of one and of two individuals are tried where they are few. A clausal answer may have
    more functions and constants, and has to be at least as strong.
    """
    given = sentence_of(problem)
    ours, theirs = vocabulary(given), vocabulary(answer)
    skolem = target_of(problem) == CLAUSAL
    more = {*theirs.functions, *theirs.constants} - {*ours.functions, *ours.constants}
    if not set(theirs.relations) <= set(ours.relations) or (more and not skolem):
        return False
    names = vocabulary(given, answer)
    # A hostile answer may have functions of so many places that even counting does not end.
    if len(more) > MAX_WITNESSES or any(places > MAX_PLACES for _, places in names.functions):
        return True
    depth = max(_depth(given), _depth(answer))
    for size in (1, 2):
        if count_structures(names, size) * size**depth > MAX_WORK:
            break
        for structure in structures(names, size):
            said = evaluate(answer, structure)
            if evaluate(given, structure) != said and (said or not skolem):
                return False
    return True


def _depth(formula: Formula) -> int:
    inner = max(map(_depth, children(formula)), default=0)
    return inner + isinstance(formula, ForAll | Exists)
