"""Skolem form and clause form: equisatisfiable with the formula, not equivalent to it.

Every model of the result is a model of the formula, and every model of the formula becomes one of
the result by choosing the Skolem functions (Skolem 1920; Robinson 1965 for clauses).
"""

from __future__ import annotations

from attrs import frozen

from fcpref.core.logic.binding import bound_names
from fcpref.core.logic.forms import (
    MAX_NODES,
    Prefix,
    has_quantifier,
    is_literal,
    prenex,
    split_prefix,
    with_prefix,
)
from fcpref.core.logic.formulas import (
    And,
    Apply,
    Exists,
    ForAll,
    Formula,
    Or,
    Term,
    free_names,
    fresh,
    substitute,
)
from fcpref.core.logic.structures import vocabulary
from fcpref.errors import FormulaLimitError

MAX_CLAUSES = 500
Clause = tuple[Formula, ...]


@frozen
class ClauseForm:
    """Clauses under universal quantifiers: all of them hold, each because of a literal.

    Attributes:
        variables: what the quantifiers bind; any other name in the clauses is a constant.
        clauses: one or more disjunctions of one or more literals, without repetitions.
    """

    variables: tuple[str, ...]
    clauses: tuple[Clause, ...]

    def formula(self) -> Formula:
        """Return the clauses as one formula, for which `is_clausal` holds."""
        disjunctions = [_joined(Or, clause) for clause in self.clauses]
        prefix: Prefix = tuple((ForAll, variable) for variable in self.variables)
        return with_prefix(prefix, _joined(And, disjunctions))


def skolem(formula: Formula, *, limit: int = MAX_NODES) -> Formula:
    """Return a prenex formula without existential quantifiers, with a matrix in negation normal
    form, that is satisfiable in the same domains as the given one.

    A variable y becomes ``sk_y`` (a constant, or a function of the universal variables before it),
    with underscores behind it until the name is new.

    Raises:
        FormulaLimitError: the negation normal form would have more than `limit` nodes.
    """  # noqa: D205 - the statement does not fit one line
    formula = prenex(formula, limit=limit)
    while (found := skolem_step(formula)) is not None:
        formula = found
    return formula


def skolem_step(formula: Formula) -> Formula | None:
    """Replace the outermost existential variable of a prefix; None when there is none.

    Only universal quantifiers may stand before it. The formula need not be prenex.
    """
    prefix, _ = split_prefix(formula)
    kinds = [kind for kind, _ in prefix]
    if Exists not in kinds:
        return None
    before = prefix[: kinds.index(Exists)]
    inner = formula
    for _ in before:
        inner = inner.body  # type: ignore[union-attr] # a quantifier, as its place in the prefix says
    if not isinstance(inner, Exists):
        return None
    # A variable that is bound again further in cannot be meant by the body.
    universal = tuple(dict.fromkeys(name for _, name in before))
    names = vocabulary(formula)
    taken = free_names(formula) | bound_names(formula) | {name for name, _ in names.functions}
    name = fresh(f"sk_{inner.variable}", taken)
    witness: Term = Apply(name, universal) if universal else name
    return with_prefix(before, substitute(inner.body, {inner.variable: witness}))


def clause_form(
    formula: Formula, *, limit: int = MAX_NODES, max_clauses: int = MAX_CLAUSES
) -> ClauseForm:
    """Return the clause form of a formula.

    Args:
        formula: any formula.
        limit: nodes of its negation normal form.
        max_clauses: clauses before repeated ones are dropped.

    Raises:
        FormulaLimitError: a bound is passed. Sizes are computed before anything is built.
    """
    prefix, matrix = split_prefix(skolem(formula, limit=limit))
    count, literals = _size(matrix)
    if count > max_clauses or literals > max_clauses * 20:
        message = f"the clause form has {count} clauses and {literals} literals, over the bound"
        raise FormulaLimitError(message)
    return ClauseForm(tuple(name for _, name in prefix), tuple(dict.fromkeys(_clauses(matrix))))


def is_clausal(formula: Formula) -> bool:
    """Tell whether a formula is universal quantifiers before a conjunction of disjunctions."""
    prefix, matrix = split_prefix(formula)
    return all(kind is ForAll for kind, _ in prefix) and _is_conjunction(matrix)


def _is_conjunction(formula: Formula) -> bool:
    if isinstance(formula, And):
        return _is_conjunction(formula.left) and _is_conjunction(formula.right)
    return not has_quantifier(formula) and _is_disjunction(formula)


def _is_disjunction(formula: Formula) -> bool:
    if isinstance(formula, Or):
        return _is_disjunction(formula.left) and _is_disjunction(formula.right)
    return is_literal(formula)


def _joined(kind: type[And | Or], parts: list[Formula] | Clause) -> Formula:
    joined, *rest = parts
    for part in rest:
        joined = kind(joined, part)
    return joined


def _size(matrix: Formula) -> tuple[int, int]:
    """Return the number of clauses of a matrix and of the literals in them."""
    match matrix:
        case And(left, right):
            (m, a), (n, b) = _size(left), _size(right)
            return m + n, a + b
        case Or(left, right):
            (m, a), (n, b) = _size(left), _size(right)
            return m * n, a * n + b * m
    return 1, 1


def _clauses(matrix: Formula) -> list[Clause]:
    match matrix:
        case And(left, right):
            return [*_clauses(left), *_clauses(right)]
        case Or(left, right):
            rights = _clauses(right)
            return [tuple(dict.fromkeys((*a, *b))) for a in _clauses(left) for b in rights]
    return [(matrix,)]
