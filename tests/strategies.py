"""Hypothesis strategies: one function a kind of value, composed from the ones above it."""

from __future__ import annotations

import json
import re
import string
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar, get_args

from hypothesis import strategies as st

from fcpref.core.chains import Chain, Choice, Limits, PromptSpec, Turn
from fcpref.core.chains.values import Stop
from fcpref.core.functions import (
    Call,
    FailureCode,
    Grammar,
    Outcome,
    Value,
    show_call,
    show_tool_call,
    translate,
)
from fcpref.core.logic import (
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
    Structure,
    Term,
    parse,
    show,
)
from fcpref.core.logic.chaining import Rule
from fcpref.core.logic.literals import Literal
from fcpref.core.problems import Problem, Statement
from fcpref.core.problems import forms as forms_family
from fcpref.core.problems import models as models_family
from fcpref.core.problems.deduction import generate
from fcpref.core.problems.deduction_spec import DeductionSpec
from fcpref.core.problems.deduction_words import VOCABULARIES
from fcpref.core.problems.folio import read_row
from fcpref.core.problems.forms import FormsSpec
from fcpref.core.problems.models import ModelsSpec
from fcpref.core.problems.problem import SPLITS, Split
from fcpref.core.problems.world_words import HELD
from fcpref.core.problems.world_words import WORDS as WORLD_WORDS
from fcpref.core.scores import Grounded, Score, ScoredChain, Verdict

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

KEYWORDS = frozenset({"and", "or", "not", "forall", "exists"})
GRAMMARS: tuple[Grammar, ...] = get_args(Grammar)
_LETTER = string.ascii_letters + "_"


# --- text ---------------------------------------------------------------------------------------


def texts(max_size: int = 60) -> SearchStrategy[str]:
    """Return any text that has canonical bytes."""
    return st.text(max_size=max_size)


def hostile_texts() -> SearchStrategy[str]:
    """Return any text at all: control characters, lone surrogates, look-alike digits, long runs."""
    pieces = st.one_of(
        st.text(st.characters(), max_size=20),
        st.sampled_from(
            (
                *("\ud800", "\x00", "\u202e", "\u200b", "\ufeff", "\u2028"),
                *("\u0661\u0662", "\u00b2", "\u00bd", "\uff21dd(a=1)"),
                *("forall", "exists", " x. ", "not ", "->", "<->", "((((", "))))", "[" * 50),
                *("'", '"', "\\", "\\'", "```", "`", "=", ",", "Add(", "Answer(value='True')", ")"),
                *(
                    "1e999",
                    "0x1",
                    "9" * 70,
                    "{}",
                    "a.b",
                    "lambda: 0",
                    "f'{x}'",
                    "\n",
                    "\t",
                    " " * 30,
                ),
                "__import__('os')",
            )
        ),
    )
    return st.lists(pieces, max_size=8).map("".join)


def plain_data() -> SearchStrategy[object]:
    """Return anything that JSON holds, without NaN and infinities."""
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        texts(20),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(texts(8), inner, max_size=4)
        ),
        max_leaves=12,
    )


# --- logic --------------------------------------------------------------------------------------


def names() -> SearchStrategy[str]:
    """Return names of predicates, constants or variables: what the parser reads as one."""
    rest = st.text(_LETTER + string.digits, max_size=6)
    return st.builds(str.__add__, st.sampled_from(_LETTER), rest).filter(
        lambda name: name not in KEYWORDS
    )


def terms() -> SearchStrategy[Term]:
    """Return names, and functions of up to three terms."""
    return st.recursive(
        names(),
        lambda inner: st.builds(Apply, names(), st.lists(inner, min_size=1, max_size=3).map(tuple)),
        max_leaves=4,
    )


def atoms() -> SearchStrategy[Formula]:
    """Return atoms of any arity from 1 to 3, and equalities."""
    arguments = st.lists(terms(), min_size=1, max_size=3).map(tuple)
    return st.one_of(st.builds(Atom, names(), arguments), st.builds(Equal, terms(), terms()))


def formulas(
    max_leaves: int = 8, leaves: SearchStrategy[Formula] | None = None
) -> SearchStrategy[Formula]:
    """Return formulas of every kind, nested up to what the parser takes; of `atoms`, or others."""

    def grow(inner: SearchStrategy[Formula]) -> SearchStrategy[Formula]:
        return st.one_of(
            st.builds(Not, inner),
            *(st.builds(kind, inner, inner) for kind in (And, Or, Implies, Iff)),
            *(st.builds(kind, names(), inner) for kind in (ForAll, Exists)),
        )

    return st.recursive(atoms() if leaves is None else leaves, grow, max_leaves=max_leaves)


def folio_formulas(*, small: bool = False) -> SearchStrategy[Formula]:
    """Return formulas that FOLIO's notation writes the same way; small ones share few names."""
    if not small:
        # FOLIO has neither equality nor function terms.
        leaves = st.builds(Atom, names(), st.lists(names(), min_size=1, max_size=3).map(tuple))
        return formulas(leaves=leaves).filter(lambda formula: "xor" not in show(formula))
    atom = st.one_of(
        st.builds(Atom, st.sampled_from("PQ"), st.tuples(st.sampled_from("xya"))),
        st.builds(Atom, st.just("R"), st.tuples(*[st.sampled_from("xya")] * 2)),
    )
    inner = st.recursive(
        signed(atom),
        lambda one: st.one_of(
            *(st.builds(kind, one, one) for kind in (And, Or, Implies, Iff)),
            *(st.builds(kind, st.sampled_from("xy"), one) for kind in (ForAll, Exists)),
        ),
        max_leaves=4,
    )
    # Closed, so that x and y are variables as they look.
    return inner.map(lambda formula: ForAll("x", Exists("y", formula)))


def small_formulas(
    max_leaves: int = 5, *, functions: bool = False, equality: bool = True
) -> SearchStrategy[Formula]:
    """Return formulas about P, Q and R, of two variables and a constant, free names included.

    Few names make captures likely and all small structures few.
    """
    name: SearchStrategy[Term] = st.sampled_from(("x", "y", "a"))
    term = st.one_of(name, st.builds(lambda t: Apply("f", (t,)), name)) if functions else name
    leaves = [
        st.builds(lambda p, t: Atom(p, (t,)), st.sampled_from("PQ"), term),
        st.builds(lambda t, u: Atom("R", (t, u)), term, term),
    ]
    if equality:
        leaves.append(st.builds(Equal, term, term))

    def grow(inner: SearchStrategy[Formula]) -> SearchStrategy[Formula]:
        variable = st.sampled_from(("x", "y"))
        return st.one_of(
            st.builds(Not, inner),
            *(st.builds(kind, variable, inner) for kind in (ForAll, Exists)),
            *(st.builds(kind, inner, inner) for kind in (And, Or, Implies, Iff)),
        )

    return st.recursive(st.one_of(leaves), grow, max_leaves=max_leaves)


def worded_formulas(max_leaves: int = 6) -> SearchStrategy[Formula]:
    """Return formulas whose names are words of a world, Skolem names among the terms."""
    names = {"P": "Big", "Q": "Wise", "R": "Likes", "a": "ann", "f": "sk_x", "y": "sk_y_"}
    return st.builds(
        lambda formula, kept: parse(
            re.sub(r"\b[A-Za-z]\b", lambda m: {**names, **kept}.get(m[0], m[0]), show(formula))
        ),
        small_formulas(max_leaves, functions=True, equality=False),
        st.sampled_from(({"y": "y"}, {})),
    )


def small_structures(max_size: int = 3) -> SearchStrategy[Structure]:
    """Return structures that interpret `small_formulas`, free names included."""

    def build(size: int) -> SearchStrategy[Structure]:
        domain = tuple(f"a{index}" for index in range(size))
        one = st.sampled_from(domain)
        rows = {name: st.frozensets(st.tuples(one)) for name in "PQ"}
        return st.builds(
            lambda relations, constants, values: Structure(
                domain=domain,
                relations=relations,
                constants=constants,
                functions={"f": {(a,): b for a, b in zip(domain, values, strict=True)}},
            ),
            st.fixed_dictionaries({**rows, "R": st.frozensets(st.tuples(one, one))}),
            st.fixed_dictionaries(dict.fromkeys(("x", "y", "a"), one)),
            st.lists(one, min_size=size, max_size=size),
        )

    return st.integers(1, max_size).flatmap(build)


def signed(atom: SearchStrategy[Atom]) -> SearchStrategy[Formula]:
    """Return the atoms and their negations."""
    return st.one_of(atom, atom.map(Not))


def literals(names: tuple[str, ...] = ("max", "sam", "tom")) -> SearchStrategy[Literal]:
    """Return literals of adjectives and verbs about some individuals or variables."""
    name = st.sampled_from(names)
    return st.one_of(
        st.builds(
            Literal, st.sampled_from(("Kind", "Calm", "Tall")), st.tuples(name), st.booleans()
        ),
        st.builds(
            Literal, st.sampled_from(("Likes", "Helps")), st.tuples(name, name), st.booleans()
        ),
    )


def spoken_literals() -> SearchStrategy[Literal]:
    """Return literals whose names are plain words, which English sentences can carry."""
    words = st.text(string.ascii_lowercase, min_size=1, max_size=20).filter(
        lambda word: word not in {*KEYWORDS, "is", "does", "if", "then"}
    )
    adjective = words.map(str.capitalize)
    stems = words.filter(lambda word: len(word) < 20 and word != "i")  # "is" is no such verb
    verb = stems.map(lambda stem: f"{stem.capitalize()}s")
    return st.one_of(
        st.builds(Literal, adjective, st.tuples(words), st.booleans()),
        st.builds(Literal, verb, st.tuples(words, words), st.booleans()),
    )


def rules(most: int = 2) -> SearchStrategy[Rule]:
    """Return universal rules of one condition or more, whose conclusion is about their people."""

    def close(body: list[Literal], heads: list[Literal]) -> Rule:
        variables = tuple(dict.fromkeys(term for one in body for term in one.terms))
        fitting = [one for one in heads if set(one.terms) <= set(variables)]
        head = fitting[0] if fitting else Literal("Rich", (variables[0],))
        return Rule(variables, tuple(body), head)

    sides = literals(("x", "y"))
    return st.builds(
        close,
        st.lists(sides, min_size=1, max_size=most, unique=True),
        st.lists(sides, min_size=1, max_size=4),
    )


# --- problems -----------------------------------------------------------------------------------


def deduction_specs(max_depth: int = 4) -> SearchStrategy[DeductionSpec]:
    """Return knobs that leave problems to be found quickly in every split."""
    return st.builds(
        lambda low, high, **knobs: DeductionSpec(
            min_depth=min(low, high), max_depth=max(low, high), **knobs
        ),
        st.integers(1, max_depth),
        st.integers(1, max_depth),
        distractors=st.integers(3, 5),
        others=st.integers(1, 2),
        negation=st.sampled_from((0.2, 0.5)),
        tollens=st.sampled_from((0.0, 0.15, 0.5)),
        conjunction=st.sampled_from((0.0, 0.15, 0.5)),
        relations=st.sampled_from((0.0, 0.15, 0.5)),
        cycles=st.sampled_from((0.0, 1.0)),
        templates=st.sampled_from(("common", "held_out")),
        vocabulary=st.sampled_from(("common", "held_out")),
        formal=st.booleans(),
    )


def deduction_problems(max_depth: int = 4) -> SearchStrategy[Problem]:
    """Return generated problems of every label, depth, split and wording."""
    return st.builds(
        lambda spec, seed, split, index: generate(spec, seed=seed, split=split, index=index),
        deduction_specs(max_depth),
        st.integers(0, 2**32),
        st.sampled_from(SPLITS),
        st.integers(0, 60),
    )


def folio_rows() -> SearchStrategy[dict[str, object]]:
    """Return rows in FOLIO's format about a few people, with any formulas as annotations."""
    sentence = st.builds(
        "{} {} {}.".format,
        st.sampled_from(("Otto", "Mara", "No one")),
        st.sampled_from(("is", "is not", "never was")),
        st.sampled_from(("a potter", "a weaver", "tired", "at home")),
    )
    notation = st.one_of(formulas(3).map(show), texts(12), st.just("∀x (Potter(x) ⊕ Tired(x))"))
    lines = st.lists(
        st.tuples(sentence, notation), min_size=1, max_size=4, unique_by=lambda p: p[0]
    )
    return st.builds(
        lambda story, pairs, conclusion, label: {
            "story_id": story,
            "premises": [text for text, _ in pairs],
            "premises-FOL": [formula for _, formula in pairs],
            "conclusion": conclusion,
            "label": label,
        },
        st.integers(0, 500),
        lines,
        sentence,
        st.sampled_from(("True", "False", "Unknown", "Uncertain")),
    )


def folio_problems() -> SearchStrategy[Problem]:
    """Return problems of `fol.folio` with annotations of every kind, good ones among them."""
    return st.builds(read_row, folio_rows(), st.integers(0, 99))


def models_specs() -> SearchStrategy[ModelsSpec]:
    """Return knobs that leave problems to be found quickly in every split."""
    return st.builds(
        lambda low, high, **knobs: ModelsSpec(
            min_quantifiers=min(low, high), max_quantifiers=max(low, high), **knobs
        ),
        st.integers(1, 3),
        st.integers(1, 3),
        people=st.integers(2, 5),
        properties=st.integers(1, 4),
        relations=st.integers(1, 2),
        connectives=st.integers(1, 2),
        formal=st.booleans(),
        templates=st.sampled_from(HELD),
        vocabulary=st.sampled_from(HELD),
    )


def models_problems(splits: tuple[Split, ...] = ("train",)) -> SearchStrategy[Problem]:
    """Return generated problems of every label, depth and wording; other splits take longer."""
    return st.builds(
        lambda spec, seed, split, index: models_family.generate(
            spec, seed=seed, split=split, index=index
        ),
        models_specs(),
        st.integers(0, 2**32),
        st.sampled_from(splits),
        st.integers(0, 60),
    )


def forms_specs(max_steps: int = 6) -> SearchStrategy[FormsSpec]:
    """Return knobs that leave problems to be found quickly in every split."""
    return st.builds(
        lambda low, high, **knobs: FormsSpec(
            min_steps=min(low, high), max_steps=max(low, high), **knobs
        ),
        st.integers(1, max_steps),
        st.integers(1, max_steps),
        quantifiers=st.integers(1, 3),
        formal=st.booleans(),
        templates=st.sampled_from(HELD),
        vocabulary=st.sampled_from(HELD),
    )


def forms_problems(
    max_steps: int = 6, splits: tuple[Split, ...] = ("train",)
) -> SearchStrategy[Problem]:
    """Return generated problems of every form and number of rewrites; other splits take longer."""
    return st.builds(
        lambda spec, seed, split, index: forms_family.generate(
            spec, seed=seed, split=split, index=index
        ),
        forms_specs(max_steps),
        st.integers(0, 2**32),
        st.sampled_from(splits),
        st.integers(0, 60),
    )


def problems() -> SearchStrategy[Problem]:
    """Return problems with any content, solvable or not."""
    statements = st.builds(Statement, text=texts(), formula=texts())
    return st.builds(
        Problem,
        task=texts(12),
        split=st.sampled_from(SPLITS),
        index=st.integers(0, 10**6),
        difficulty=st.integers(0, 20),
        text=texts(),
        givens=st.lists(statements, max_size=3).map(tuple),
        claim=st.none() | statements,
        gold=texts(12),
        solution=texts(),
        tags=st.lists(texts(8), max_size=3).map(tuple),
    )


# --- calls --------------------------------------------------------------------------------------


def numbers() -> SearchStrategy[Fraction]:
    """Return exact numbers within the grammar's 60 digits."""
    small = st.integers(-(10**9), 10**9)
    return st.one_of(
        small.map(Fraction),
        st.builds(lambda n, places: Fraction(n, 10**places), small, st.integers(0, 6)),
        st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=10**6),
        st.integers(-(10**40), 10**40).map(Fraction),
    )


def values() -> SearchStrategy[Value]:
    """Return what an argument may be: numbers, texts, lists of these."""
    return st.recursive(
        st.one_of(numbers(), st.text(max_size=20), st.text("'\"\\\n\t a", max_size=8)),
        lambda inner: st.lists(inner, max_size=3).map(tuple),
        max_leaves=6,
    )


def calls() -> SearchStrategy[Call]:
    """Return calls of any function with any arguments, each name given once."""
    pairs = st.lists(st.tuples(names(), values()), max_size=3, unique_by=lambda pair: pair[0]).map(
        tuple
    )
    return st.builds(
        Call,
        function=names(),
        positional=st.lists(values(), max_size=3).map(tuple),
        keywords=pairs,
    )


def deduction_replies() -> SearchStrategy[str]:
    """Return replies that look like a model's on `fol.deduction`: right, wrong and broken ones."""
    words = VOCABULARIES["common"]
    word = st.sampled_from((*words.adjectives[:6], "not kind"))
    name = st.sampled_from(words.names[:4])
    literal = st.one_of(
        st.builds("{} is {}.".format, name, word),
        st.builds("{} {} {}.".format, name, st.sampled_from(words.verbs[:3]), name),
        st.builds("{0} is {1} and {0} is {2}.".format, name, word, word),
    )
    rule = st.one_of(
        st.builds("All {} people are {}.".format, word, word),
        st.builds("If x {} y, then y is {}.".format, st.sampled_from(words.verbs[:3]), word),
    )
    return st.one_of(
        st.builds("ApplyRule(rule='{}', fact='{}')".format, rule, literal),
        st.builds("ModusTollens(rule='{}', fact='{}')".format, rule, literal),
        st.builds("AndIntro(first='{}', second='{}')".format, literal, literal),
        st.builds("AndElim(fact='{}')".format, literal),
        st.builds("Instantiate(rule='{}', names='{}')".format, rule, name),
        st.builds(
            "ModusPonens(conditional='If {}, then {}', fact='{}')".format, literal, literal, literal
        ),
        st.builds("Check(claim='{}')".format, literal),
        st.builds("Reasoning(thought='{}')".format, literal),
        st.sampled_from(("Saturated()", "Saturated(1)", "Fly()", "Check()", "Check([1])")),
        st.sampled_from(("True", "Unknown", "maybe", "unknown.")).map("Answer(value='{}')".format),
    )


def folio_replies() -> SearchStrategy[str]:
    """Return replies that look like a model's on `fol.folio`: right, wrong and broken ones."""
    sentence = st.builds(
        "{} is {}.".format,
        st.sampled_from(("Otto", "Mara")),
        st.sampled_from(("tired", "a potter")),
    )
    formula = st.one_of(
        st.sampled_from(
            ("Tired(otto)", "Potter(mara)", "∀x (Potter(x) → ¬Tired(x))", "Potter(x)", "Tired(otto")
        ),
        folio_formulas(small=True).map(show),
        hostile_texts(),
    )
    name = st.sampled_from(("Premise", "Claim"))
    return st.one_of(
        st.builds(
            lambda *parts: show_call(Call(function=parts[0], positional=parts[1:])),
            name,
            sentence,
            formula,
        ),
        st.sampled_from(("Prove()", "Prove(1)", "Premise()", "Answer('Unknown')", "Claim([1], 2)")),
        hostile_texts(),
    )


def models_replies() -> SearchStrategy[str]:
    """Return replies that look like a model's on `fol.models`: right, wrong and broken ones."""
    name = st.sampled_from(("x", "y", "ann", "Max", "w9", "f(x)"))
    words = WORLD_WORDS["common"]
    atom = st.one_of(
        st.builds("{}({})".format, st.sampled_from((*words.adjectives[:4], "Likes")), name),
        st.builds("{}({}, {})".format, st.sampled_from(words.verbs), name, name),
        st.builds("{} is {}".format, name, st.sampled_from(("big", "not big", "true"))),
    )
    part = st.one_of(atom, small_formulas(3).map(show), hostile_texts())
    return st.one_of(
        st.builds("Holds(atom={!r})".format, atom),
        st.builds("Not(a={!r})".format, part),
        st.builds(
            "{}(a={!r}, b={!r})".format, st.sampled_from(("And", "Or", "Implies")), part, part
        ),
        st.builds(
            "{}(variable={!r}, body={!r})".format,
            st.sampled_from(("ForAll", "Exists")),
            name,
            part,
        ),
        st.builds("Check(expression={!r})".format, part),
        st.sampled_from(("Domain()", "Domain(1)", "Answer(value='True')", "Answer('no')")),
    )


def replies() -> SearchStrategy[str]:
    """Return anything that a model may reply."""
    shown = calls().map(show_call)
    return st.one_of(deduction_replies(), shown, hostile_texts(), texts(), _damaged(shown))


def tool_replies() -> SearchStrategy[str]:
    """Return anything that a model may reply where it is to write JSON tool calls."""
    shown = calls().map(show_tool_call)
    json_like = plain_data().map(lambda data: json.dumps(data, ensure_ascii=False))
    named = json_like.map('{{"name": "F", "arguments": {}}}'.format)
    wrapped = st.builds(str.format, st.sampled_from(TOOL_FORMS), shown)
    return st.one_of(
        *(wrapped, _damaged(wrapped), json_like, named, _damaged(named)),
        *(deduction_replies().map(lambda reply: translate(reply, "tools")), replies()),
    )


TOOL_FORMS = (
    "{}",
    "<tool_call>\n{}\n</tool_call>",
    "<tool_call>{}</tool_call>",
    "```json\n{}\n```",
    "```\n<tool_call>{}</tool_call>\n```",
    "[{}]",
    "[TOOL_CALLS] [{}]",
    "<|python_tag|>{}",
    '{{"type": "function", "function": {}}}',
    " {};\n",
)


def _damaged(shown: SearchStrategy[str]) -> SearchStrategy[str]:
    """Return printed calls with one slice cut out, or another text put in."""
    return st.builds(
        lambda text, start, size, patch: text[:start] + patch + text[start + size :],
        shown,
        st.integers(0, 40),
        st.integers(0, 3),
        hostile_texts(),
    )


# --- chains and scores --------------------------------------------------------------------------


def outcomes() -> SearchStrategy[Outcome]:
    """Return results and failures."""
    return st.builds(Outcome, text=texts(), code=st.none() | st.sampled_from(FailureCode))


def turns() -> SearchStrategy[Turn]:
    """Return a reply with any recorded outcome, true or not."""
    return st.builds(Turn, reply=texts(), outcome=outcomes(), tokens=st.integers(0, 500))


def chains() -> SearchStrategy[Chain]:
    """Return finished chains."""
    return st.builds(
        Chain,
        task=texts(12),
        problem=texts(12),
        source=texts(12),
        sample=st.integers(0, 64),
        turns=st.lists(turns(), max_size=4).map(tuple),
        stop=st.sampled_from(get_args(Stop)),
        grammar=st.sampled_from(GRAMMARS),
        without=st.lists(texts(8), max_size=2).map(tuple),
        completed_from=st.none() | st.integers(0, 4),
    )


def scores() -> SearchStrategy[Score]:
    """Return scores of every verdict."""
    return st.builds(
        Score,
        verdict=st.sampled_from(Verdict),
        evidence=st.lists(st.integers(0, 20), max_size=4).map(tuple),
        codes=st.lists(st.none() | st.sampled_from(FailureCode), max_size=4).map(tuple),
        shortest=st.none() | st.integers(1, 20),
        reasoned=st.none() | grounded(),
    )


def grounded() -> SearchStrategy[Grounded]:
    """Return counts of numbers, some of them grounded."""
    return st.tuples(st.integers(0, 9), st.integers(0, 9)).map(
        lambda both: Grounded(numbers=max(both), grounded=min(both))
    )


def scored_chains() -> SearchStrategy[ScoredChain]:
    """Return chains with any score."""
    return st.builds(ScoredChain, chain=chains(), score=scores())


def limits() -> SearchStrategy[Limits]:
    """Return limits that short chains reach."""
    return st.builds(
        Limits,
        calls=st.integers(1, 6),
        failures=st.integers(1, 4),
        tokens=st.integers(1, 100),
        reply_tokens=st.integers(1, 100),
    )


def prompt_specs(grammars: tuple[Grammar, ...] = GRAMMARS) -> SearchStrategy[PromptSpec]:
    """Return ways to show functions and examples."""
    return st.builds(
        PromptSpec,
        detail=st.sampled_from(("help", "signatures")),
        shots=st.integers(0, 6),
        grammar=st.sampled_from(grammars),
        exemplars=st.sampled_from(get_args(Choice)),
        without=st.lists(st.sampled_from(("Reasoning", "Check")), max_size=3),
    )
