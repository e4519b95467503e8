"""Whether a rewritten sentence says what the given one does: by enumeration and by z3."""

from fcpref.core.logic import (
    Apply,
    ForAll,
    Implies,
    Structure,
    Vocabulary,
    count_structures,
    evaluate,
    structures,
    substitute,
    vocabulary,
)
from fcpref.core.logic.forms import split_prefix
from tests.by_z3 import entails, equivalent


def new_names(given, result):
    """Return the functions and constants that only the result has."""
    before, after = vocabulary(given), vocabulary(result)
    return Vocabulary(
        (),
        tuple(sorted(set(after.functions) - set(before.functions))),
        tuple(sorted(set(after.constants) - set(before.constants))),
    )


def skolem_truth(given, result, structure):
    """Tell whether some choice of the new functions and constants makes a structure a model."""
    for one in structures(new_names(given, result), len(structure.domain)):
        expanded = Structure(
            domain=structure.domain,
            relations=structure.relations,
            constants={**structure.constants, **one.constants},
            functions={**structure.functions, **one.functions},
        )
        if evaluate(result, expanded):
            return True
    return False


def same_on_structures(given, result, *, skolem, most, biggest):
    """Compare on every structure up to a size, where there are at most so many of that size.

    A result with Skolem functions is true where some choice of them makes it true.
    """
    for size in range(1, biggest + 1):
        if count_structures(vocabulary(given, result), size) > most:
            break
        for structure in structures(vocabulary(given), size):
            truth = evaluate(given, structure)
            found = (
                skolem_truth(given, result, structure) if skolem else evaluate(result, structure)
            )
            if truth != found:
                return False
    return True


def wrong_steps(sentence, steps):
    """Return the steps that z3 refutes.

    A rewrite is to be an equivalence. A Skolem step is to entail what it came from, and to follow
    from it and from what defines the function: where there is a y with A, the
    function gives one.
    """
    wrong = []
    for step in steps:
        if step.name == "skolemise":
            axiom = skolem_axiom(sentence, step)
            answers = entails([step.result], sentence), entails([sentence, axiom], step.result)
        else:
            answers = (equivalent(sentence, step.result),)
        if False in answers:  # None: z3 gave up within its bound, about once in 500 steps
            wrong.append(step)
        sentence = step.result
    return wrong


def skolem_axiom(sentence, step):
    new = new_names(sentence, step.result)
    before = []
    for kind, variable in split_prefix(sentence)[0]:
        if kind is not ForAll:
            break
        before.append(variable)
    names = [*(name for name, _ in new.functions), *new.constants]
    # The variable may have been idle; then no name is new and nothing is to be defined.
    witness = Apply(names[0], tuple(before)) if new.functions else (names or ["a"])[0]
    axiom = Implies(step.part, substitute(step.part.body, {step.part.variable: witness}))
    for variable in reversed(before):
        axiom = ForAll(variable, axiom)
    return axiom
