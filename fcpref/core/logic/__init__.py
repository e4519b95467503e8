"""First-order logic: formulas, their text, and forward chaining over ground literals."""

from fcpref.core.logic.chaining import Rule, Step, saturate
from fcpref.core.logic.formulas import (
    And,
    Atom,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    negate,
)
from fcpref.core.logic.syntax import parse, show

__all__ = [
    "And",
    "Atom",
    "Exists",
    "ForAll",
    "Formula",
    "Iff",
    "Implies",
    "Not",
    "Or",
    "Rule",
    "Step",
    "negate",
    "parse",
    "saturate",
    "show",
]
