import re

from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import (
    And,
    Atom,
    Exists,
    ForAll,
    Implies,
    Not,
    Or,
    Structure,
    alpha_equivalent,
    parse,
)
from fcpref.core.problems.models import world_of
from fcpref.core.problems.models_english import FORMAL_TABLES, PHRASINGS, TABLES, say_table
from fcpref.core.problems.sentence_english import say_sentence
from tests.strategies import models_problems

EVERY_TABLE = [t for kind in (TABLES, FORMAL_TABLES) for tables in kind.values() for t in tables]
WORLD = Structure(
    domain=("ann", "ben", "kim"),
    relations={
        "Big": {("kim",), ("ann",)},
        "Red": set(),
        "Likes": {("ben", "ann"), ("ann", "ben"), ("ann", "kim")},
    },
)


def test_tables_in_every_phrasing():
    assert {table: say_table(WORLD, table) for table in EVERY_TABLE} == {
        "list": (
            "People: Ann, Ben, Kim.",
            "Big: Ann, Kim.",
            "Red: nobody.",
            "Likes: Ann likes Ben, Ann likes Kim, Ben likes Ann.",
        ),
        "sentences": (
            "The people are Ann, Ben and Kim. Only what is said of them is so.",
            "Ann and Kim are big.",
            "Nobody is red.",
            "Ann likes Ben and Kim. Ben likes Ann.",
        ),
        "people": (
            "There are Ann, Ben and Kim, and only what is said of them is so.",
            "Ann is big and not red; likes Ben and Kim.",
            "Ben is not big and not red; likes Ann.",
            "Kim is big and not red; likes nobody.",
        ),
        "questions": (
            "Who is here? Ann; Ben; Kim; nobody else.",
            "Who is big? Ann; Kim.",
            "Who is red? No one.",
            "Who likes whom? Ann - Ben; Ann - Kim; Ben - Ann.",
        ),
        "ticks": (
            "Everybody: Ann / Ben / Kim",
            "Ann > big yes / red no / likes [Ben Kim]",
            "Ben > big no / red no / likes [Ann]",
            "Kim > big yes / red no / likes []",
        ),
        "sets": (
            "domain = {ann, ben, kim}",
            "Big = {ann, kim}",
            "Red = {}",
            "Likes = {(ann, ben), (ann, kim), (ben, ann)}",
        ),
        "facts": (
            "individuals: ann ben kim",
            "Big only: Big(ann) & Big(kim)",
            "Red only: -",
            "Likes only: Likes(ann, ben) & Likes(ann, kim) & Likes(ben, ann)",
        ),
    }


class Reader:
    """Read controlled English back, left to right, without looking ahead over a sentence."""

    def __init__(self, text):
        self.rest = text

    def take(self, pattern):
        found = re.match(pattern, self.rest)
        if found:
            self.rest = self.rest[found.end() :]
        return found

    def need(self, pattern):
        found = self.take(pattern)
        assert found, f"{pattern!r} expected at {self.rest!r}"
        return found

    def sentence(self):
        if self.take("it is not the case that "):
            return Not(self.sentence())
        for start, middle, kind, end in (
            ("both ", " and ", And, ""),
            ("either ", " or ", Or, " or both"),
            ("if ", ", then ", Implies, ""),
        ):
            if self.take(start):
                left = self.sentence()
                self.need(middle)
                right = self.sentence()
                self.need(end)
                return kind(left, right)
        if found := self.take(r"(for every|there is a) (?:(\w+) )?person (\w)(?:,| such that) "):
            universal = found[1] == "for every"
            body = self.sentence()
            if found[2]:
                guard = Atom(found[2].capitalize(), (found[3],))
                body = Implies(guard, body) if universal else And(guard, body)
            return (ForAll if universal else Exists)(found[3], body)
        if found := self.take(r"(\w+) is (not )?(\w+)"):
            atom = Atom(found[3].capitalize(), (found[1].lower(),))
            return Not(atom) if found[2] else atom
        if found := self.take(r"(\w+) does not (\w+) (\w+)"):
            return Not(Atom(f"{found[2]}s".capitalize(), (found[1].lower(), found[3].lower())))
        found = self.need(r"(\w+) (\w+) (\w+)")
        return Atom(found[2].capitalize(), (found[1].lower(), found[3].lower()))


@given(models_problems(), st.sampled_from(PHRASINGS["common"]))
def test_a_sentence_reads_in_one_way_only(problem, phrasing):
    sentence = parse(problem.claim.formula)
    reader = Reader(say_sentence(sentence, phrasing))
    assert alpha_equivalent(sentence, reader.sentence())
    assert not reader.rest


def told(lines):
    """Read the `list` table back."""
    people = [name.lower() for name in re.findall(r"[A-Z]\w+", lines[0])][1:]
    relations = {}
    for line in lines[1:]:
        predicate, _, rest = line.rstrip(".").partition(": ")
        words = [entry.lower().split() for entry in rest.split(", ") if entry != "nobody"]
        relations[predicate] = {(w[0],) if len(w) == 1 else (w[0], w[2]) for w in words}
    return Structure(domain=tuple(people), relations=relations)


@given(models_problems())
def test_a_table_says_its_world(problem):
    world = world_of(problem)
    said = {table: say_table(world, table) for table in EVERY_TABLE}
    assert world == told(said["list"])
    other = Structure(
        domain=world.domain,
        relations={
            name: {*rows} ^ {(world.domain[0],) * (2 if name.endswith("s") else 1)}
            for name, rows in world.relations.items()
        },
    )
    assert not [table for table in EVERY_TABLE if said[table][1:] == say_table(other, table)[1:]]
