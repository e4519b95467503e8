"""Family `forms`: bring a sentence to negation normal, prenex or clausal form.

The difficulty is the number of rewrites on one way there. A form is no single sentence, so the gold
answer is the name of the form: an answer is right when it has that form and says the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import and_, deep_iterable, ge, in_, instance_of, le, min_len

from fcpref.core.logic import (
    And,
    Atom,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    free_names,
    parse,
    show,
)
from fcpref.core.logic.formulas import children, subformulas
from fcpref.core.logic.steps import (
    CLAUSAL,
    FORMS,
    NEGATION_NORMAL,
    PRENEX,
    RewriteStep,
    steps_to,
)
from fcpref.core.problems.problem import Problem, Split, Statement
from fcpref.core.problems.sentence_form import sentence_form
from fcpref.core.problems.split import split_of
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
UNARY = ("P", "Q", "S", "T", "U", "V", "W")
BINARY = ("R", "K", "L", "M", "N")
CONSTANTS = ("a", "b", "c", "d")
VARIABLES = ("x", "y", "z")
ASKED = {
    NEGATION_NORMAL: "nothing but and, or, quantifiers, and not right before an atom",
    PRENEX: "all quantifiers in front",
    CLAUSAL: "forall in front, then ands of ors of atoms and negated atoms, no exists",
}
_TRIES = 20_000
_HALF = 0.5


@frozen(kw_only=True)
class FormsSpec:
    """The difficulty knobs.

    Attributes:
        targets: forms that are asked for in turn: ``negation normal form``, ``prenex form``,
            ``clausal form``.
        min_steps: fewest rewrites, from 1.
        max_steps: most rewrites, at most 14; numbers of rewrites are used in turn.
        quantifiers: depth of nested quantifiers, 1 to 3.
    """

    targets: tuple[str, ...] = field(
        default=tuple(FORMS), validator=[min_len(1), deep_iterable(in_(FORMS))]
    )
    min_steps: int = field(default=1, validator=and_(instance_of(int), ge(1), le(MAX_STEPS)))
    max_steps: int = field(default=5, validator=and_(instance_of(int), ge(1), le(MAX_STEPS)))
    quantifiers: int = field(default=2, validator=and_(instance_of(int), ge(1), le(3)))

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
        sentence = _draw(spec, wanted, stream)
        if not _fit(sentence):
            continue
        steps = steps_to(target, sentence, most=wanted)
        if steps is None or len(steps) != wanted or not _short(steps):
            continue
        if split_of(form_of(sentence)) == split:
            return _problem(sentence, target, wanted, split, index)
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


def _draw(spec: FormsSpec, wanted: int, stream: Random) -> Formula:
    """Draw a sentence that takes about as many rewrites as wanted."""
    # Few of these words for few rewrites: the rest of the sentence stays as it is.
    rate = stream.choice((0.1, 0.25, 0.5) if wanted <= 3 else (0.25, 0.5, 0.7))  # noqa: PLR2004
    # Few rewrites leave few sentences to be found unless the sentences are long.
    leaves = stream.randint(4 if wanted <= 3 else 3, 6)  # noqa: PLR2004
    letters = (
        tuple(stream.sample(UNARY, stream.randint(2, 5))),
        tuple(stream.sample(BINARY, stream.randint(1, 3))),
        tuple(stream.sample(CONSTANTS, 2)),
    )
    return _grow(leaves, spec.quantifiers, (), rate, letters, stream)


Letters = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _grow(
    leaves: int,
    quantifiers: int,
    scope: tuple[str, ...],
    rate: float,
    letters: Letters,
    stream: Random,
) -> Formula:
    if quantifiers and stream.random() < (_HALF if scope else 0.75):
        variable = VARIABLES[len(scope)]
        inner = (*scope, variable)
        kind = stream.choice((ForAll, Exists))
        return kind(variable, _grow(leaves, quantifiers - 1, inner, rate, letters, stream))
    if stream.random() < rate / 2:
        return Not(_grow(leaves, quantifiers, scope, rate, letters, stream))
    if leaves <= 1:
        return _atom(scope, letters, stream)
    kinds = (Implies, Implies, Iff) if stream.random() < rate else (And, Or)
    join: type[And | Or | Implies | Iff] = stream.choice(kinds)
    few = stream.randint(1, leaves - 1)
    left = _grow(few, quantifiers, scope, rate, letters, stream)
    return join(left, _grow(leaves - few, quantifiers, scope, rate, letters, stream))


def _atom(scope: tuple[str, ...], letters: Letters, stream: Random) -> Formula:
    unary, binary, constants = letters
    predicate = stream.choice((*unary, *binary))

    def term() -> str:
        named = not scope or stream.random() < 0.1  # noqa: PLR2004 - a constant now and then
        return stream.choice(constants if named else scope)

    return Atom(predicate, tuple(term() for _ in range(2 if predicate in binary else 1)))


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


def _problem(sentence: Formula, target: str, steps: int, split: Split, index: int) -> Problem:
    text = show(sentence)
    return Problem(
        task=TASK,
        split=split,
        index=index,
        difficulty=steps,
        text=f"Bring the sentence to {target}: {ASKED[target]}.\nSentence: {text}",
        claim=Statement(text=text, formula=text),
        gold=target,
        tags=("formal", f"target:{target}"),
    )
