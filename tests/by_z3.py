"""First-order logic by z3: the independent method that tests of `core/logic` compare with."""

import z3

from fcpref.core.logic import And, Atom, Equal, Exists, ForAll, Iff, Implies, Not, Or
from fcpref.core.logic.formulas import free_names

THING = z3.DeclareSort("Thing")
CONNECTIVES = {And: z3.And, Or: z3.Or, Implies: z3.Implies, Iff: lambda a, b: a == b}


def translate(formula):
    """Translate a formula; every name is a constant of one sort, bound or not."""
    match formula:
        case Atom(predicate, terms):
            sorts = [THING] * len(terms)
            return z3.Function(predicate, *sorts, z3.BoolSort())(*map(individual, terms))
        case Equal(left, right):
            return individual(left) == individual(right)
        case Not(body):
            return z3.Not(translate(body))
        case ForAll(variable, body):
            return z3.ForAll([individual(variable)], translate(body))
        case Exists(variable, body):
            return z3.Exists([individual(variable)], translate(body))
    return CONNECTIVES[type(formula)](translate(formula.left), translate(formula.right))


def individual(term):
    if isinstance(term, str):
        return z3.Const(term, THING)
    sorts = [THING] * (len(term.terms) + 1)
    # A function and a constant may share a name: they are apart in our language.
    return z3.Function(f"{term.function}()", *sorts)(*map(individual, term.terms))


def entails(premises, conclusion, *, steps=2_000_000):
    """Return whether the conclusion follows; None when z3 gives up within its resource limit."""
    solver = z3.Solver()
    solver.set("rlimit", steps)
    solver.add(*map(translate, premises), z3.Not(translate(conclusion)))
    found = solver.check()
    return None if found == z3.unknown else found == z3.unsat


def equivalent(left, right):
    """Return whether two formulas are equivalent for all values of their free names."""
    both = entails([left], right), entails([right], left)
    return None if None in both else all(both)


def closed(formula):
    """Bind what is free, so that nothing is left open to interpretation."""
    for name in sorted(free_names(formula)):
        formula = ForAll(name, formula)
    return formula
