"""Whether a rewritten sentence says what the given one does: by enumeration and by z3."""

from fcpref.core.logic import (
    And,
    Apply,
    Atom,
    Exists,
    ForAll,
    Implies,
    Not,
    Or,
    Structure,
    Vocabulary,
    count_structures,
    evaluate,
    free_names,
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
    from it and from what defines the function: where there is a y with A, the function gives one.
    Such a function exists only where it takes all the universal variables before the y.
    """
    wrong = []
    for step in steps:
        if step.name == "skolemise":
            axiom = skolem_axiom(sentence, step)
            answers = (
                (entails([step.result], sentence), entails([sentence, axiom], step.result))
                if axiom is not None
                else (False,)
            )
        else:
            answers = (equivalent(sentence, step.result),)
        if False in answers:  # None: z3 gave up within its bound, about once in 500 steps
            wrong.append(step)
        sentence = step.result
    return wrong


def skolem_axiom(sentence, step):
    """Return what defines the new name; None where it is no name that could be so defined."""
    new = new_names(sentence, step.result)
    before = []
    for kind, variable in split_prefix(sentence)[0]:
        if kind is not ForAll:
            break
        before.append(variable)
    universal = tuple(dict.fromkeys(before))
    if not new.functions and not new.constants:
        # An idle variable needs no witness.
        idle = step.part.variable not in free_names(step.part.body)
        return Implies(step.part, step.part.body) if idle else None
    if universal and [places for _, places in new.functions] == [len(universal)]:
        witness = Apply(new.functions[0][0], universal)
    elif not universal and len(new.constants) == 1:
        witness = new.constants[0]
    else:
        return None
    axiom = Implies(step.part, substitute(step.part.body, {step.part.variable: witness}))
    for variable in reversed(before):
        axiom = ForAll(variable, axiom)
    return axiom


def truth_by_sets(formula, world, values=()):
    """Decide a formula by the sets of individuals that satisfy it, without `evaluate`."""
    values = dict(values)
    match formula:
        case Atom(predicate, terms):
            return tuple(values.get(term, term) for term in terms) in world.relations[predicate]
        case Not(body):
            return not truth_by_sets(body, world, values)
        case And(left, right):
            return {True} == {truth_by_sets(one, world, values) for one in (left, right)}
        case Or(left, right):
            return True in {truth_by_sets(one, world, values) for one in (left, right)}
        case Implies(left, right):
            return truth_by_sets(left, world, values) <= truth_by_sets(right, world, values)
        case ForAll(name, body) | Exists(name, body):
            good = [
                one for one in world.domain if truth_by_sets(body, world, {**values, name: one})
            ]
            return len(good) == len(world.domain) if isinstance(formula, ForAll) else bool(good)
    raise AssertionError(formula)
