"""Rewrites of deduction problems: other words, another order, other phrasings of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.logic import Formula, as_rule, parse, show
from fcpref.core.logic.chaining import consistent
from fcpref.core.problems.deduction_knowledge import claim_of, decide, knowledge
from fcpref.core.problems.deduction_words import VOCABULARIES
from fcpref.core.problems.english import phrasings, say, say_rule
from fcpref.core.problems.problem import Problem, Statement
from fcpref.core.problems.renaming import other_words, renamed, retagged, uses_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fcpref.core.logic.chaining import Rule
    from fcpref.core.logic.literals import Literal
    from fcpref.core.seeds import Random


@frozen(kw_only=True)
class _Line:
    """A given: its formula and, of a rule in English, its phrasing."""

    formula: Formula
    phrasing: str = ""


def rename(problem: Problem, stream: Random) -> Problem | None:
    """Give everyone another name and every predicate another word, of the same vocabulary."""
    lines = _lines(problem)
    if lines is None or problem.claim is None:
        return None
    names: dict[str, str] = {}
    words = [VOCABULARIES[use] for use in uses_of(problem)]
    adjectives, verbs, people = _used(problem)
    for used, vocabularies in (
        (people, [[name.lower() for name in one.names] for one in words]),
        (adjectives, [[word.capitalize() for word in one.adjectives] for one in words]),
        (verbs, [[word.capitalize() for word in one.verbs] for one in words]),
    ):
        drawn = other_words(used, vocabularies, stream)
        if drawn is None:
            return None
        names |= drawn
    new = [evolve(line, formula=renamed(line.formula, names)) for line in lines]
    return _told(problem, new, renamed(parse(problem.claim.formula), names))


def reorder(problem: Problem, stream: Random) -> Problem | None:
    """Give facts and rules in another order."""
    lines = _lines(problem)
    if lines is None or problem.claim is None:
        return None
    stream.shuffle(lines)
    return _told(problem, lines, parse(problem.claim.formula))


def paraphrase(problem: Problem, stream: Random) -> Problem | None:
    """Say every rule in another way, of those that the problem's own phrasings are among."""
    lines = _lines(problem)
    if lines is None or problem.claim is None or "formal" in problem.tags:
        return None
    new = []
    for line in lines:
        rule = as_rule(line.formula)
        if rule is None:
            new.append(line)
            continue
        others = [one for one in _around(rule, line.phrasing) if one != line.phrasing]
        new.append(evolve(line, phrasing=stream.choice(others)))
    return _told(problem, new, parse(problem.claim.formula))


def certified(problem: Problem, _: Problem) -> bool:
    """Tell whether a problem has its gold label and its depth, as the generator certifies them.

    A label that is True or False is derived by sound rules from givens that are consistent; for
    Unknown there are two models of the givens, with the claim and without it.
    """
    known, claim = knowledge(problem).saturate(), claim_of(problem)
    depth = max((step.depth for step in known.values() if step is not None), default=0)
    if not consistent(known) or (decide(claim, known), depth) != (problem.gold, problem.difficulty):
        return False
    return problem.gold != "Unknown" or knowledge(problem).models_apart(claim) is not None


def _lines(problem: Problem) -> list[_Line] | None:
    """Return a problem's givens; None where it is not worded as the family words its problems."""
    lines = []
    for given in problem.givens:
        formula = parse(given.formula)
        rule = as_rule(formula)
        phrasing = ""
        if rule is not None and "formal" not in problem.tags:
            every = (*phrasings(rule), *phrasings(rule, held_out=True))
            phrasing = next((one for one in every if say_rule(rule, one) == given.text), "")
            if not phrasing or (problem.split == "train" and phrasing not in phrasings(rule)):
                return None
        lines.append(_Line(formula=formula, phrasing=phrasing))
    if problem.claim is None or _told(problem, lines, parse(problem.claim.formula)) != problem:
        return None
    return lines


def _around(rule: Rule, phrasing: str) -> tuple[str, ...]:
    return phrasings(rule, held_out=phrasing not in phrasings(rule))


def _told(problem: Problem, lines: Sequence[_Line], claim: Formula) -> Problem:
    """Return a problem of other givens, everything else as it was."""
    formal = "formal" in problem.tags
    givens = tuple(
        Statement(text=_text(line, formal=formal), formula=show(line.formula)) for line in lines
    )
    asked = Statement(text=_text(_Line(formula=claim), formal=formal), formula=show(claim))
    used = sorted({line.phrasing for line in lines if line.phrasing})
    return evolve(
        problem,
        text="\n".join([*(given.text for given in givens), f"Claim: {asked.text}"]),
        givens=givens,
        claim=asked,
        tags=retagged(problem.tags, "phrasing", used),
    )


def _text(line: _Line, *, formal: bool) -> str:
    if formal:
        return show(line.formula)
    rule = as_rule(line.formula)
    return say(line.formula) if rule is None else say_rule(rule, line.phrasing)


def _used(problem: Problem) -> tuple[list[str], list[str], list[str]]:
    """Return a problem's adjectives, verbs and people, each once."""
    given = knowledge(problem)
    told = (*given.literals, claim_of(problem))
    every = [*told, *(one for rule in given.rules for one in (*rule.body, rule.head))]
    places = {one.predicate: len(one.terms) for one in every}
    adjectives = [name for name, count in places.items() if count == 1]
    verbs = [name for name, count in places.items() if count > 1]
    return adjectives, verbs, list(_people(told))


def _people(literals: Iterable[Literal]) -> Mapping[str, None]:
    return dict.fromkeys(term for one in literals for term in one.terms)
