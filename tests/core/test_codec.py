from copy import deepcopy
from fractions import Fraction
from typing import Literal

import msgspec
import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core import codec
from fcpref.core.canon import canonical_bytes
from fcpref.core.chains import TEACHER, Chain, Limits, PromptSpec, Turn
from fcpref.core.codec import structure, unstructure, value_bytes, value_id
from fcpref.core.functions import FailureCode, Outcome
from fcpref.core.problems import Problem, problem_id
from fcpref.core.problems.deduction import DeductionSpec
from fcpref.core.scores import Score, ScoredChain, Verdict
from fcpref.core.training import DpoSpec, SftSpec
from fcpref.errors import CanonError, CodecError
from tests import strategies


@frozen(kw_only=True)
class Record:
    """One field of each kind that a value may have."""

    whole: int = 0
    real: float = 0.0
    text: str = ""
    flag: bool = False
    exact: Fraction = Fraction(0)
    pair: tuple[int, str] = (0, "")
    many: tuple[float, ...] = ()
    choice: Literal["a", "b", 1] = "a"
    code: FailureCode = FailureCode.LIMIT
    maybe: int | None = None
    limits: Limits | None = None
    table: dict[str, int] = field(factory=dict)


CHAIN = {
    "task": "t",
    "problem": "p",
    "source": "s",
    "sample": 0,
    "turns": [{"reply": "r", "outcome": {"text": "t", "code": "limit"}, "tokens": 1}],
    "stop": "silent",
}


def through_bytes(value):
    return structure(msgspec.json.decode(canonical_bytes(unstructure(value))), type(value))


@pytest.mark.parametrize(
    "values",
    [
        strategies.problems(),
        strategies.deduction_problems(),
        strategies.chains(),
        strategies.scores(),
        strategies.scored_chains(),
        strategies.limits(),
        strategies.prompt_specs(),
        strategies.deduction_specs(),
        st.builds(
            Record,
            whole=st.integers(),
            real=st.floats(allow_nan=False, allow_infinity=False),
            exact=st.fractions(),
            many=st.lists(st.floats(allow_nan=False, allow_infinity=False)).map(tuple),
            choice=st.sampled_from(("a", "b", 1)),
            maybe=st.none() | st.integers(),
            limits=st.none() | strategies.limits(),
        ),
    ],
    ids=[
        *("Problem", "generated Problem", "Chain", "Score", "ScoredChain"),
        *("Limits", "PromptSpec", "DeductionSpec", "every kind of field"),
    ],
)
def test_a_value_survives_its_bytes(values):
    @given(values)
    def check(value):
        assert value == through_bytes(value)
        assert value_id(value) == value_id(through_bytes(value))

    check()


def test_a_field_that_came_later_is_left_out_while_it_has_its_default():
    plain = {"detail": "help", "shots": 4}
    tools = evolve(TEACHER, grammar="tools")
    assert (unstructure(TEACHER), unstructure(tools)) == (plain, {**plain, "grammar": "tools"})
    assert (
        structure(plain, PromptSpec)
        == TEACHER
        == structure({**plain, "grammar": "python"}, PromptSpec)
    )
    assert unstructure(SftSpec())["prompt"] == {"detail": "signatures", "shots": 0}
    assert unstructure(structure(CHAIN, Chain)) == CHAIN
    assert value_id(TEACHER) != value_id(tools)


def test_an_unknown_grammar_is_refused():
    with pytest.raises(CodecError, match="python, tools"):
        structure({**CHAIN, "grammar": "xml"}, Chain)


def test_ids_are_those_of_before_there_were_two_grammars():
    assert (value_id(SftSpec()), value_id(DpoSpec())) == (
        "sha256:dd1127c9f0e3974e684bf104bfbe79cf23f42a314190f45aec81a7a8a502784d",
        "sha256:40c0b131a21b909fb95ca5ed5fed5903dcb19cbe0de403d800bffdd392a3ce47",
    )


def test_a_verdict_and_a_code_come_back_as_members_and_not_as_text():
    score = structure({"verdict": "correct", "evidence": [], "codes": [None, "limit"]}, Score)
    assert score.verdict is Verdict.CORRECT
    assert score.correct
    assert score.codes[1] is FailureCode.LIMIT


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"whole": "3"}, "$.whole"),
        ({"whole": 3.0}, "$.whole"),
        ({"whole": 2.7}, "$.whole"),
        ({"whole": True}, "$.whole"),
        ({"whole": None}, "$.whole"),
        ({"real": "1.5"}, "$.real"),
        ({"real": True}, "$.real"),
        ({"real": 10**400}, "$.real"),
        ({"text": None}, "$.text"),
        ({"text": 3}, "$.text"),
        ({"text": b"a"}, "$.text"),
        ({"flag": 1}, "$.flag"),
        ({"flag": "true"}, "$.flag"),
        ({"pair": "ab"}, "$.pair"),
        ({"pair": [1]}, "$.pair"),
        ({"pair": [1, "a", 2]}, "$.pair"),
        ({"pair": ["1", "a"]}, "$.pair[0]"),
        ({"many": "12"}, "$.many"),
        ({"many": {"0": 1}}, "$.many"),
        ({"many": [1, 2, "3"]}, "$.many[2]"),
        ({"choice": "c"}, "$.choice"),
        ({"choice": True}, "$.choice"),
        ({"choice": []}, "$.choice"),
        ({"code": "limits"}, "$.code"),
        ({"code": "LIMIT"}, "$.code"),
        ({"code": 3}, "$.code"),
        ({"maybe": "1"}, "$.maybe"),
        ({"limits": {"calls": "1"}}, "$.limits.calls"),
        ({"limits": {"calls": 0}}, "$.limits"),
        ({"limits": {"call": 1}}, "$.limits"),
        ({"limits": []}, "$.limits"),
        ({"limits": ""}, "$.limits"),
        ({"table": {1: 1}}, "$.table[1]"),
        ({"table": {"a": "1"}}, "$.table['a']"),
        ({"unknown": 1}, "$"),
        ({1: 1}, "$"),
        ([], "$"),
        ("", "$"),
        (None, "$"),
        (3, "$"),
    ],
    ids=repr,
)
def test_data_of_another_type_is_refused_with_its_path(data, path):
    with pytest.raises(CodecError) as caught:
        structure(data, Record)
    assert str(caught.value).endswith(f" @ {path}")


@pytest.mark.parametrize("text", ["10/3", "-10/3", "0", "7", "-1"])
def test_an_exact_number_is_text_in_lowest_terms(text):
    assert Fraction(text) == structure(text, Fraction)
    assert text == unstructure(Fraction(text))


@pytest.mark.parametrize(
    "text",
    [
        "2/4",
        "1/0",
        "-0",
        "007",
        "1/-3",
        "3/1",
        "0.5",
        "1e3",
        " 1",
        "1\n",
        "٣",
        "+1",
        "",
        "9" * 9000,
    ],
)
def test_an_exact_number_in_any_other_form_is_refused(text):
    with pytest.raises(CodecError):
        structure(text, Fraction)


def test_the_path_leads_through_lists_and_fields():
    data = deepcopy(CHAIN)
    data["turns"].append({"reply": None, "outcome": {"text": "t", "code": "nonsense"}})
    with pytest.raises(CodecError) as caught:
        structure(data, Chain)
    assert "expected str, got NoneType None @ $.turns[1].reply" in str(caught.value)
    assert "@ $.turns[1].outcome.code" in str(caught.value)


@pytest.mark.parametrize("field", CHAIN)
def test_a_missing_field_is_named(field):
    data = {name: value for name, value in CHAIN.items() if name != field}
    with pytest.raises(CodecError, match=rf"@ \$\.{field}"):
        structure(data, Chain)


@given(strategies.plain_data(), st.sampled_from((Problem, Chain, ScoredChain, Limits, Fraction)))
def test_any_data_gives_a_value_or_a_codec_error(data, cls):
    try:
        found = structure(data, cls)
    except CodecError as error:
        found = error
    assert isinstance(found, cls) or " @ $" in str(found)


def test_the_declared_type_decides_the_id():
    assert value_id(Record(real=1.0)) == value_id(Record(real=1))
    assert value_id(Record(real=0.0)) == value_id(Record(real=-0.0))
    assert value_id(DeductionSpec(negation=0)) == value_id(DeductionSpec(negation=0.0))


@given(strategies.problems())
def test_any_change_changes_the_id(problem):
    assert problem_id(problem) != problem_id(evolve(problem, index=problem.index + 1))
    assert problem_id(problem) != problem_id(evolve(problem, text=problem.text + "."))


@pytest.mark.parametrize("real", [float("nan"), float("inf")])
def test_a_value_with_no_canonical_bytes_has_no_id(real):
    with pytest.raises(CanonError, match=r"@ \$\.real"):
        value_id(Record(real=real))


@pytest.mark.parametrize(
    ("cls", "data"),
    [
        (Problem, {"task": "t", "split": "train", "index": -1}),
        (Problem, {"task": "t", "split": "validation", "index": 0}),
        (PromptSpec, {"detail": "help", "shots": -1}),
        (Limits, {"calls": 0}),
    ],
    ids=["negative index", "unknown split", "negative shots", "no calls"],
)
def test_values_out_of_range_are_refused(cls, data):
    filler = {"difficulty": 0, "text": "", "gold": ""} if cls is Problem else {}
    with pytest.raises(CodecError):
        structure({**filler, **data}, cls)


@given(st.one_of(strategies.chains(), strategies.scored_chains(), strategies.deduction_problems()))
def test_the_short_way_to_bytes_gives_the_same_as_the_long_one(value):
    assert value_bytes(value) == canonical_bytes(unstructure(value))


@pytest.mark.parametrize("tokens", [10**616, -(10**616), 10**599, 2**64, -(2**63) - 1, True])
def test_the_short_way_takes_what_the_long_one_takes(tokens):
    turn = Turn(reply="x", outcome=Outcome(text="y"), tokens=tokens)
    assert value_bytes(turn) == canonical_bytes(unstructure(turn))


@pytest.mark.parametrize("wrong", [{"tokens": 2**2049}, {"reply": "\ud800"}])
def test_the_short_way_refuses_what_the_long_one_refuses(wrong):
    turn = evolve(Turn(reply="x", outcome=Outcome(text="y")), **wrong)
    with pytest.raises(CanonError):
        value_bytes(turn)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2),
    st.sampled_from((0.0, 1.0, 2.5, "", "limit", "correct", "chain", "1/2", "x")),
    st.just([]),
    st.just({}),
)


def altered(data, draw):
    """Return plain data with one place of it changed, dropped or added."""
    if isinstance(data, dict) and data:
        key = draw(st.sampled_from(sorted(data)))
        match draw(st.integers(0, 4)):
            case 0:
                return {name: value for name, value in data.items() if name != key}
            case 1:
                return {**data, "extra": draw(LEAVES)}
            case _:
                return {**data, key: altered(data[key], draw)}
    if isinstance(data, list) and data and draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1))
        return [*data[:at], altered(data[at], draw), *data[at + 1 :]]
    return draw(LEAVES)


@pytest.fixture(scope="module")
def slowly():
    """Structure without the short way."""

    def run(data, cls):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codec, "_is_plain", lambda _: False)
            patch.setattr(codec, "CONVERTER", codec._configure())
            return structure(data, cls)

    return run


@given(st.one_of(strategies.chains(), strategies.scored_chains()), st.data())
def test_the_short_way_to_a_value_takes_and_refuses_what_the_long_one_does(slowly, value, data):
    plain = msgspec.json.decode(canonical_bytes(unstructure(value)))
    if data.draw(st.booleans()):
        plain = altered(plain, data.draw)
    results = []
    for way in (structure, slowly):
        try:
            results.append(way(plain, type(value)))
        except CodecError as error:
            results.append(str(error))
    assert results[0] == results[1]
    assert type(results[0]) is type(results[1])
