"""Support rule of FOLIO: the answer is what `Prove` found for formulas of all the sentences.

Copied texts and names drawn from them are seen to by `Premise` and `Claim`. Here: every premise has
its formula and says something, nothing was changed after `Prove`, and the claim was not put among
the premises. A premise may be equivalent to the claim or to its opposite only where its sentence
has the same words but for quantity and negation; and a sentence that is a condition or a choice
("if Otto is a potter, ...") may not decide alone a claim that is neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.logic.entailment import Entailment, entails, has_model
from fcpref.core.logic.formulas import Iff, Not
from fcpref.core.problems.folio_words import content_words, leaves_open

if TYPE_CHECKING:
    from fcpref.core.functions import Memory
    from fcpref.core.functions.values import Formalised


def supports(memory: Memory) -> tuple[int, ...] | None:
    """Return the calls of the formulas and of `Prove`, or None."""
    asked = memory.problem.claim
    written = {(one.role, one.text): one for one in memory.formalised}
    claim = None if asked is None else written.get(("claim", asked.text))
    premises = [written.get(("premise", given.text)) for given in memory.problem.givens]
    given = [one for one in premises if one is not None]
    if claim is None or len(given) < len(premises) or not memory.facts:
        return None
    proved = memory.facts[-1]
    calls = sorted(one.call for one in (*given, claim))
    if proved.key != memory.answer or proved.call < calls[-1]:
        return None
    found = entails(tuple(one.formula for one in given), claim.formula)
    if found.value != memory.answer or not all(map(_says_something, (*given, claim))):
        return None
    if any(_is_claim(one, claim) for one in given):
        return None
    return (*calls, proved.call)


def _says_something(one: Formalised) -> bool:
    return entails((), one.formula) is Entailment.UNKNOWN


def _is_claim(premise: Formalised, claim: Formalised) -> bool:
    if content_words(premise.text) == content_words(claim.text):
        return False
    hedged = leaves_open(premise.text) and not leaves_open(claim.text)
    if hedged and entails((premise.formula,), claim.formula) is not Entailment.UNKNOWN:
        return True
    same = Iff(premise.formula, claim.formula)
    # Where z3 cannot tell them apart, neither do we.
    return not (has_model((same,)) and has_model((Not(same),)))
