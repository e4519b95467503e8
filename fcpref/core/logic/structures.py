"""Finite structures, truth in them, and the enumeration of all of a size."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import field, frozen

from fcpref.core.logic.formulas import (
    And,
    Atom,
    Equal,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Term,
    children,
    free_names,
)
from fcpref.errors import StructureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Row = tuple[str, ...]


def _frozen_relations(
    relations: Mapping[str, Iterable[Row]],
) -> Mapping[str, frozenset[Row]]:
    return MappingProxyType({name: frozenset(rows) for name, rows in relations.items()})


def _frozen_functions(
    functions: Mapping[str, Mapping[Row, str]],
) -> Mapping[str, Mapping[Row, str]]:
    return MappingProxyType({name: MappingProxyType(dict(of)) for name, of in functions.items()})


def _frozen_constants(constants: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(constants))


@frozen(kw_only=True, hash=False)
class Structure:
    """A finite structure.

    Attributes:
        domain: the individuals, at least one.
        relations: predicate -> the rows of individuals that it holds for.
        constants: name -> the individual that it names. An individual that no constant is named
            like is named by itself.
        functions: function -> row of individuals -> individual; total on the domain.
    """

    domain: tuple[str, ...] = field()
    relations: Mapping[str, frozenset[Row]] = field(factory=dict, converter=_frozen_relations)
    constants: Mapping[str, str] = field(factory=dict, converter=_frozen_constants)
    functions: Mapping[str, Mapping[Row, str]] = field(factory=dict, converter=_frozen_functions)

    @domain.validator
    def _has_someone(self, _: object, domain: tuple[str, ...]) -> None:
        if not domain or len(set(domain)) != len(domain):
            raise StructureError("a domain has at least one individual, each once")


@frozen
class Vocabulary:
    """The names of a formula that a structure interprets, sorted, with numbers of arguments."""

    relations: tuple[tuple[str, int], ...]
    functions: tuple[tuple[str, int], ...]
    constants: tuple[str, ...]


def evaluate(
    formula: Formula, structure: Structure, values: Mapping[str, str] | None = None
) -> bool:
    """Tell whether a formula is true in a structure.

    Args:
        formula: any formula. The time is at most its size times the size of the domain to the
            power of its quantifier depth.
        structure: interprets all names of the formula.
        values: individuals for free variables; they hide constants of the same name.

    Raises:
        StructureError: a predicate, a function or a name has no interpretation. (It may stay
            unnoticed where another part of the formula decides the truth value.)
    """
    return _true(formula, structure, values or {})


def vocabulary(*formulas: Formula) -> Vocabulary:
    """Return the names that are to be interpreted; free variables count as constants.

    A predicate used with two numbers of arguments is there twice.
    """
    relations: set[tuple[str, int]] = set()
    functions: set[tuple[str, int]] = set()
    constants: set[str] = set()
    for formula in formulas:
        constants |= free_names(formula)
        _collect(formula, relations, functions)
    return Vocabulary(tuple(sorted(relations)), tuple(sorted(functions)), tuple(sorted(constants)))


def count_structures(names: Vocabulary, size: int) -> int:
    """Return how many structures `structures` gives."""
    bits = sum(size**arity for _, arity in names.relations)
    choices = sum(size**arity for _, arity in names.functions) + len(names.constants)
    return int(2**bits * size**choices)


def structures(names: Vocabulary, size: int) -> Iterator[Structure]:
    """Give every structure over ``a0, a1, ...`` of a size; isomorphic ones are not left out.

    Args:
        names: what to interpret.
        size: individuals, from 1.
    """
    domain = tuple(f"a{index}" for index in range(size))
    rows = {arity: tuple(product(domain, repeat=arity)) for _, arity in names.relations}
    inputs = {arity: tuple(product(domain, repeat=arity)) for _, arity in names.functions}
    for named in product(domain, repeat=len(names.constants)):
        constants = dict(zip(names.constants, named, strict=True))
        for outputs in product(
            *(product(domain, repeat=len(inputs[arity])) for _, arity in names.functions)
        ):
            functions = {
                name: dict(zip(inputs[arity], values, strict=True))
                for (name, arity), values in zip(names.functions, outputs, strict=True)
            }
            for chosen in product(*(_subsets(rows[arity]) for _, arity in names.relations)):
                relations: dict[str, frozenset[Row]] = {}
                for (name, _), extension in zip(names.relations, chosen, strict=True):
                    relations[name] = relations.get(name, frozenset()) | extension
                yield Structure(
                    domain=domain, relations=relations, constants=constants, functions=functions
                )


def _subsets(rows: tuple[Row, ...]) -> Iterator[frozenset[Row]]:
    for kept in product((False, True), repeat=len(rows)):
        yield frozenset(row for row, keep in zip(rows, kept, strict=True) if keep)


def _collect(
    formula: Formula, relations: set[tuple[str, int]], functions: set[tuple[str, int]]
) -> None:
    match formula:
        case Atom(predicate, terms):
            relations.add((predicate, len(terms)))
            _collect_terms(terms, functions)
        case Equal(left, right):
            _collect_terms((left, right), functions)
    for part in children(formula):
        _collect(part, relations, functions)


def _collect_terms(terms: tuple[Term, ...], functions: set[tuple[str, int]]) -> None:
    for term in terms:
        if not isinstance(term, str):
            functions.add((term.function, len(term.terms)))
            _collect_terms(term.terms, functions)


def _true(formula: Formula, structure: Structure, values: Mapping[str, str]) -> bool:
    match formula:
        case Atom() | Equal():
            return _holds(formula, structure, values)
        case Not(body):
            return not _true(body, structure, values)
        case And(left, right):
            return _true(left, structure, values) and _true(right, structure, values)
        case Or(left, right):
            return _true(left, structure, values) or _true(right, structure, values)
        case Implies(left, right):
            return not _true(left, structure, values) or _true(right, structure, values)
        case Iff(left, right):
            return _true(left, structure, values) == _true(right, structure, values)
        case ForAll(name, body):
            return all(_true(body, structure, {**values, name: one}) for one in structure.domain)
        case Exists(name, body):
            return any(_true(body, structure, {**values, name: one}) for one in structure.domain)


def _holds(formula: Atom | Equal, structure: Structure, values: Mapping[str, str]) -> bool:
    if isinstance(formula, Equal):
        return _value(formula.left, structure, values) == _value(formula.right, structure, values)
    if formula.predicate not in structure.relations:
        raise StructureError(f"the structure has no predicate {formula.predicate!r}")
    row = tuple(_value(term, structure, values) for term in formula.terms)
    return row in structure.relations[formula.predicate]


def _value(term: Term, structure: Structure, values: Mapping[str, str]) -> str:
    if isinstance(term, str):
        if term in values:
            return values[term]
        if term in structure.constants:
            return structure.constants[term]
        if term in structure.domain:
            return term
        raise StructureError(f"the structure has nobody named {term!r}")
    row = tuple(_value(inner, structure, values) for inner in term.terms)
    try:
        return structure.functions[term.function][row]
    except KeyError:
        message = f"the structure has no {term.function}({', '.join(row)})"
        raise StructureError(message) from None
