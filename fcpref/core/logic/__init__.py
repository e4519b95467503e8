"""First-order logic with equality and functions, usable on its own.

    >>> from fcpref.core.logic import Structure, evaluate, parse
    >>> pets = Structure(domain=("max", "sam"), relations={"Likes": {("max", "sam")}})
    >>> evaluate(parse("exists x. (Likes(max, x) and not (x = max))"), pets)
    True

Formulas are frozen values with a parser and a printer; there are finite structures, normal forms,
rewrites, inference rules, saturation, and the forward chaining and the search for models that
`fol.deduction` is made with.
"""

from fcpref.core.logic.binding import alpha_equivalent, rename_apart
from fcpref.core.logic.chaining import Rule, Step, as_rule, saturate
from fcpref.core.logic.clauses import ClauseForm, clause_form, is_clausal, skolem
from fcpref.core.logic.forms import is_negation_normal, is_prenex, negation_normal, prenex
from fcpref.core.logic.formulas import (
    And,
    Apply,
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
    free_names,
    negate,
    substitute,
)
from fcpref.core.logic.herbrand import find_model
from fcpref.core.logic.literals import Literal, as_literal
from fcpref.core.logic.rewriting import REWRITES, Rewrite
from fcpref.core.logic.rules import RULES, InferenceRule
from fcpref.core.logic.saturation import Saturation, saturate_by
from fcpref.core.logic.structures import (
    Structure,
    Vocabulary,
    count_structures,
    evaluate,
    structures,
    vocabulary,
)
from fcpref.core.logic.syntax import parse, show

__all__ = [
    "REWRITES",
    "RULES",
    "And",
    "Apply",
    "Atom",
    "ClauseForm",
    "Equal",
    "Exists",
    "ForAll",
    "Formula",
    "Iff",
    "Implies",
    "InferenceRule",
    "Literal",
    "Not",
    "Or",
    "Rewrite",
    "Rule",
    "Saturation",
    "Step",
    "Structure",
    "Term",
    "Vocabulary",
    "alpha_equivalent",
    "as_literal",
    "as_rule",
    "clause_form",
    "count_structures",
    "evaluate",
    "find_model",
    "free_names",
    "is_clausal",
    "is_negation_normal",
    "is_prenex",
    "negate",
    "negation_normal",
    "parse",
    "prenex",
    "rename_apart",
    "saturate",
    "saturate_by",
    "show",
    "skolem",
    "structures",
    "substitute",
    "vocabulary",
]
