"""Rewrites of model-checking problems: other words, another order of the table, another phrasing.

The table keeps its wording: both labels have tables of the same words in that wording only.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.logic import Formula, Structure, evaluate, parse, show
from fcpref.core.problems.models import MAX_TEXT, form_of
from fcpref.core.problems.models_english import ASKS, FORMAL_TABLES, PHRASINGS, TABLES
from fcpref.core.problems.models_worlds import givens_of, world_of
from fcpref.core.problems.problem import Problem, Statement
from fcpref.core.problems.renaming import other_words, renamed, retagged, tagged, uses_of
from fcpref.core.problems.sentence_english import say_sentence
from fcpref.core.problems.world_words import HELD, WORDS, is_verb

if TYPE_CHECKING:
    from fcpref.core.problems.world_words import Held
    from fcpref.core.seeds import Random


def rename(problem: Problem, stream: Random) -> Problem | None:
    """Give everyone another name and every predicate another word, of the same vocabulary."""
    found = _parts(problem)
    if found is None:
        return None
    world, sentence, phrasing = found
    words = [WORDS[use] for use in uses_of(problem)]
    names: dict[str, str] = {}
    for used, vocabularies in (
        (world.domain, [one.people for one in words]),
        ([one for one in world.relations if not is_verb(one)], [one.adjectives for one in words]),
        ([one for one in world.relations if is_verb(one)], [one.verbs for one in words]),
    ):
        drawn = other_words(used, vocabularies, stream)
        if drawn is None:
            return None
        names |= drawn
    relations = {
        names[one]: {tuple(names[name] for name in row) for row in rows}
        for one, rows in world.relations.items()
    }
    new = Structure(domain=tuple(names[name] for name in world.domain), relations=relations)
    return _told(problem, new, renamed(sentence, names), phrasing)


def reorder(problem: Problem, stream: Random) -> Problem | None:
    """Give people and predicates in another order."""
    found = _parts(problem)
    if found is None:
        return None
    world, sentence, phrasing = found
    domain, predicates = list(world.domain), list(world.relations)
    stream.shuffle(domain)
    stream.shuffle(predicates)
    relations = {one: world.relations[one] for one in predicates}
    new = Structure(domain=tuple(domain), relations=relations)
    return _told(problem, new, sentence, phrasing)


def paraphrase(problem: Problem, stream: Random) -> Problem | None:
    """Say the sentence in another way, of those that the problem's own is among."""
    found = _parts(problem)
    if found is None or "formal" in problem.tags:
        return None
    world, sentence, phrasing = found
    held: Held = "common" if phrasing in PHRASINGS["common"] else "held_out"
    others = [one for one in PHRASINGS[held] if one != phrasing]
    return _told(problem, world, sentence, stream.choice(others))


def certified(problem: Problem, _: Problem) -> bool:
    """Tell whether the sentence has its gold label in the world, and is no longer than others."""
    if problem.claim is None:
        return False
    sentence = parse(problem.claim.formula)
    truth = str(evaluate(sentence, world_of(problem)))
    return truth == problem.gold and len(show(sentence)) <= MAX_TEXT


def form(problem: Problem) -> tuple[str, ...]:
    """Return the canonical form, which decides the split."""
    sentence = problem.claim.formula if problem.claim else ""
    return form_of(world_of(problem), parse(sentence))


def _parts(problem: Problem) -> tuple[Structure, Formula, str] | None:
    """Return world, sentence and phrasing; None where the family words its problems otherwise."""
    if problem.claim is None:
        return None
    phrasing, table = tagged(problem.tags, "phrasing"), tagged(problem.tags, "table")
    common = (*TABLES["common"], *FORMAL_TABLES["common"], *PHRASINGS["common"], "formal")
    every = chain(*TABLES.values(), *FORMAL_TABLES.values(), *PHRASINGS.values(), ("formal",))
    allowed = common if problem.split == "train" else tuple(every)
    if phrasing not in allowed or table not in allowed:
        return None
    world, sentence = world_of(problem), parse(problem.claim.formula)
    same = _told(problem, world, sentence, phrasing) == problem
    return (world, sentence, phrasing) if same else None


def _told(problem: Problem, world: Structure, sentence: Formula, phrasing: str) -> Problem:
    """Return a problem of another world and sentence, everything else as it was."""
    asked = show(sentence) if phrasing == "formal" else f"{say_sentence(sentence, phrasing)}."
    givens = givens_of(world, tagged(problem.tags, "table"))
    before = problem.claim.text if problem.claim else ""
    last = problem.text.rpartition("\n")[2]
    ask = next((ASKS[held] for held in HELD if ASKS[held].format(before) == last), ASKS["common"])
    return evolve(
        problem,
        text="\n".join((*(one.text for one in givens), ask.format(asked))),
        givens=givens,
        claim=Statement(text=asked, formula=show(sentence)),
        tags=retagged(problem.tags, "phrasing", (phrasing,)),
    )
