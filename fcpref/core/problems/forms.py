"""Family `forms`: bring a sentence to negation normal, prenex or clausal form.

The difficulty is the number of rewrites on one way there. A form is no single sentence, so the gold
answer is the name of the form: an answer is right when it has that form and says the same.

A sentence is drawn as a formula of single letters. In English each letter becomes a word, which
keeps the canonical form, so that the formal text and the English one are of the same split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, field, frozen
from attrs.validators import and_, deep_iterable, ge, in_, instance_of, le, min_len

from fcpref.core.logic import (
    Exists,
    ForAll,
    Formula,
    free_names,
    parse,
    show,
)
from fcpref.core.logic.formulas import children, subformulas
from fcpref.core.logic.steps import (
    FORMS,
    RewriteStep,
    steps_to,
)
from fcpref.core.problems.forms_draw import draw_sentence, other_atoms
from fcpref.core.problems.forms_wording import (
    ASKED,
    ASKS,
    FORMAL,
    draw_wording,
    reworded,
    say,
    short_in_english,
)
from fcpref.core.problems.problem import Problem, Split, Statement
from fcpref.core.problems.sentence_form import sentence_form
from fcpref.core.problems.split import split_of
from fcpref.core.problems.world_words import HELD, Held
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from fcpref.core.seeds import Random

TASK = "fol.forms"
MAX_STEPS = 14
MAX_TEXT = 110
# A reply that quotes a sentence, and a chain of all of them, stay below the default bounds of 96
# and 800 tokens (measured with SmolLM2's tokenizer).
MAX_RESULT = 150
MAX_QUOTED = 1_200
_TRIES = 80_000
_FILLINGS = 40


@frozen(kw_only=True)
class FormsSpec:
    """The difficulty knobs.

    Attributes:
        targets: forms that are asked for in turn: ``negation normal form``, ``prenex form``,
            ``clausal form``.
        min_steps: fewest rewrites, from 1.
        max_steps: most rewrites, at most 14; numbers of rewrites are used in turn.
        quantifiers: depth of nested quantifiers, 1 to 3.
        formal: show formulas and not English.
        templates: ``common`` phrasings, or ``held_out`` ones.
        vocabulary: ``common`` names and words (letters, where formal), or ``held_out`` ones.
    """

    targets: tuple[str, ...] = field(
        default=tuple(FORMS), validator=[min_len(1), deep_iterable(in_(FORMS))]
    )
    min_steps: int = field(default=1, validator=and_(instance_of(int), ge(1), le(MAX_STEPS)))
    max_steps: int = field(default=5, validator=and_(instance_of(int), ge(1), le(MAX_STEPS)))
    quantifiers: int = field(default=2, validator=and_(instance_of(int), ge(1), le(3)))
    formal: bool = field(default=False, validator=instance_of(bool))
    templates: Held = field(default="common", validator=in_(HELD))
    vocabulary: Held = field(default="common", validator=in_(HELD))

    def __attrs_post_init__(self) -> None:
        """Refuse an empty range of steps."""
        if self.min_steps > self.max_steps:
            raise ValueError(f"min_steps={self.min_steps} is above max_steps={self.max_steps}")


def generate(spec: FormsSpec, *, seed: int, split: Split, index: int) -> Problem:
    """Return problem number `index` of a split's stream.

    Targets take turns, then numbers of rewrites, so any prefix of the stream is balanced.

    Raises:
        ProblemError: the knobs leave no problem to be found.
    """
    target = spec.targets[index % len(spec.targets)]
    span = spec.max_steps - spec.min_steps + 1
    wanted = spec.min_steps + (index // len(spec.targets)) % span
    stream = derive(seed, TASK, split, index, "problem")
    for _ in range(_TRIES):
        sentence = draw_sentence(wanted, spec.quantifiers, spec.vocabulary, stream)
        if way_to(target, sentence, wanted) is None:
            continue
        # Other atoms under the same connectives take as many rewrites: the cheaper second chance
        # where the first sentence is of another split.
        for _ in range(_FILLINGS):
            steps = way_to(target, sentence, wanted)
            if steps is not None and split_of(form_of(sentence)) == split:
                problem = _problem(spec, sentence, steps, target, stream)
                if problem is not None:
                    return evolve(problem, split=split, index=index)
            sentence = other_atoms(sentence, spec.vocabulary, stream)
    message = f"no problem of {wanted} rewrites to {target} found with {spec}"
    raise ProblemError(message)


def form_of(sentence: Formula) -> tuple[str, ...]:
    """Return the canonical form, which decides the split; a sentence has one for all targets."""
    return sentence_form(sentence)


def target_of(problem: Problem) -> str:
    """Return the form that a problem asks for.

    Raises:
        ProblemError: it asks for none.
    """
    for tag in problem.tags:
        target = tag.removeprefix("target:")
        if target in FORMS:
            return target
    raise ProblemError(f"problem {problem.index} of {problem.task} asks for no form")


def sentence_of(problem: Problem) -> Formula:
    """Return the sentence that a problem is about.

    Raises:
        ProblemError: there is none.
    """
    if problem.claim is None:
        raise ProblemError(f"problem {problem.index} of {problem.task} has no sentence")
    return parse(problem.claim.formula)


def way_to(target: str, sentence: Formula, wanted: int) -> tuple[RewriteStep, ...] | None:
    """Return the way to a form, where it takes as many rewrites as wanted and can be written."""
    if not _fit(sentence):
        return None
    steps = steps_to(target, sentence, most=wanted)
    return steps if steps and len(steps) == wanted and _short(steps) else None


def _problem(
    spec: FormsSpec,
    sentence: Formula,
    steps: tuple[RewriteStep, ...],
    target: str,
    stream: Random,
) -> Problem | None:
    """Word a problem; None where its English is too long. Its place in a stream is not set."""
    named, phrasing = draw_wording(
        formal=spec.formal,
        templates=spec.templates,
        vocabulary=spec.vocabulary,
        stream=stream,
    )
    if not spec.formal and not short_in_english(steps, named, phrasing):
        return None
    said = reworded(sentence, named)
    text = say(said, phrasing)
    return Problem(
        task=TASK,
        split="train",
        index=0,
        difficulty=len(steps),
        text=stream.choice(ASKS[spec.templates]).format(target, ASKED[target], text),
        claim=Statement(text=text, formula=show(said)),
        gold=target,
        tags=(FORMAL if spec.formal else f"phrasing:{phrasing}", f"target:{target}"),
    )


def _fit(sentence: Formula) -> bool:
    """Tell whether a sentence has quantifiers, no idle one, and no side twice."""
    quantified = False
    for part in subformulas(sentence):
        sides = children(part)
        if isinstance(part, ForAll | Exists):
            quantified = True
            if part.variable not in free_names(part.body):
                return False
        if len(sides) > 1 and sides[0] == sides[1]:
            return False
    return quantified and len(show(sentence)) <= MAX_TEXT


def _short(steps: tuple[RewriteStep, ...]) -> bool:
    """Tell whether a chain of these steps can be written: no call twice, no long sentence."""
    calls = {(step.name, step.part) for step in steps}
    quoted = sum(len(show(step.part)) for step in steps) + len(show(steps[-1].result))
    return (
        len(calls) == len(steps)
        and quoted <= MAX_QUOTED
        and all(len(show(step.result)) <= MAX_RESULT for step in steps)
    )
