"""Task `fol.folio`: FOLIO's premises and claim in English; the model writes the formulas."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.chains import Exemplar
from fcpref.core.functions import Call, Toolbox, flow, proving, show_call
from fcpref.core.logic import parse
from fcpref.core.logic.entailment import entails
from fcpref.core.problems import folio_rewriting as rewriting
from fcpref.core.problems.folio import LABELS, read_row
from fcpref.core.problems.folio import TASK as NAME
from fcpref.core.scores.folio import supports
from fcpref.core.tasks.task import Rewrites, Task

if TYPE_CHECKING:
    from fcpref.core.problems import Problem

# Own stories in FOLIO's manner: a row of the data shown to a teacher would be a leak.
_EXEMPLARS = (
    {
        "story_id": -1,
        "premises": ["All beekeepers own a veil.", "Ines is a beekeeper."],
        "premises-FOL": ["∀x (Beekeeper(x) → OwnVeil(x))", "Beekeeper(ines)"],
        "conclusion": "Ines owns a veil.",
        "conclusion-FOL": "OwnVeil(ines)",
        "label": "True",
    },
    {
        "story_id": -2,
        "premises": [
            "No ferry that sails at night carries trucks.",
            "Every ferry in Brenholm sails at night or is being repaired.",
            "The Alder is a ferry in Brenholm, and it is not being repaired.",
        ],
        "premises-FOL": [
            "∀x (Ferry(x) ∧ SailAtNight(x) → ¬CarryTrucks(x))",
            "∀x (Ferry(x) ∧ In(x, brenholm) → SailAtNight(x) ∨ Repaired(x))",
            "Ferry(alder) ∧ In(alder, brenholm) ∧ ¬Repaired(alder)",
        ],
        "conclusion": "The Alder carries trucks.",
        "conclusion-FOL": "CarryTrucks(alder)",
        "label": "False",
    },
    {
        "story_id": -3,
        "premises": [
            "Each guest of the inn is either a hiker or a painter.",
            "Some guests of the inn are hikers.",
            "If Tomas is a painter, then he carries an easel.",
            "Tomas is a guest of the inn.",
        ],
        "premises-FOL": [
            "∀x (Guest(x) → Hiker(x) ⊕ Painter(x))",
            "∃x (Guest(x) ∧ Hiker(x))",
            "Painter(tomas) → CarryEasel(tomas)",
            "Guest(tomas)",
        ],
        "conclusion": "Tomas is a hiker.",
        "conclusion-FOL": "Hiker(tomas)",
        "label": "Uncertain",
    },
    {
        "story_id": -10,
        "premises": [
            "Whoever trusts someone lends that person a book.",
            "Nora lends no one a book.",
            "Everyone in the choir trusts Pavel.",
        ],
        "premises-FOL": [
            "∀x ∀y (Trust(x, y) → LendBook(x, y))",
            "¬∃x (LendBook(nora, x))",
            "∀x (InChoir(x) → Trust(x, pavel))",
        ],
        "conclusion": "Nora is not in the choir.",
        "conclusion-FOL": "¬InChoir(nora)",
        "label": "True",
    },
)


def oracle(problem: Problem) -> tuple[str, ...]:
    """Return the annotated formulas as calls, with `Prove` and the answer.

    Empty where a sentence has no formula, or where they do not prove the gold label. FOLIO's first
    version annotates no conclusions, so that none of its rows has a chain; the published file
    does. `Premise` may still refuse a formula whose names are not the sentence's words.
    """
    statements = (*problem.givens, *((problem.claim,) if problem.claim else ()))
    if problem.claim is None or not all(one.formula for one in statements):
        return ()
    *premises, claim = (parse(one.formula) for one in statements)
    found = entails(tuple(premises), claim)
    return _calls(problem) if found.value == problem.gold else ()


def _calls(problem: Problem) -> tuple[str, ...]:
    sentences = [("Premise", given) for given in problem.givens]
    if problem.claim is not None:
        sentences.append(("Claim", problem.claim))
    calls = [
        Call(function=name, keywords=(("text", one.text), ("formula", one.formula)))
        for name, one in sentences
    ]
    calls.append(Call(function="Prove"))
    calls.append(Call(function="Answer", keywords=(("value", problem.gold),)))
    return tuple(show_call(call) for call in calls)


def _exemplars() -> tuple[Exemplar, ...]:
    # Taken as they stand: proving them here would load z3 wherever a task is looked up.
    problems = [read_row(row, index) for index, row in enumerate(_EXEMPLARS)]
    return tuple(Exemplar(problem=one, replies=_calls(one)) for one in problems)


TASK = Task(
    name=NAME,
    summary="FOLIO: formalise premises and a claim in English, let z3 decide; read from its file",
    toolbox=Toolbox(
        functions=(*proving.FUNCTIONS, flow.REASONING, flow.choice_answer(LABELS)),
    ),
    oracle=oracle,
    support=supports,
    exemplars=_exemplars(),
    read=read_row,
    libraries=("z3-solver",),
    form=rewriting.form,
    rewrites=Rewrites(
        kinds=MappingProxyType({"reordering": rewriting.reorder}),
        certified=rewriting.certified,
    ),
)
