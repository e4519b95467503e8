import hashlib
import math
from enum import StrEnum
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.canon import MAX_NESTING, bytes_id, canonical_bytes, content_id, short
from fcpref.errors import CanonError
from tests.strategies import plain_data, texts


class Colour(StrEnum):
    RED = "red"


class Word(str):
    __slots__ = ()


def wrap(value, levels):
    for _ in range(levels):
        value = [value]
    return value


@given(plain_data())
def test_canonical_bytes_decode_to_the_value(value):
    assert msgspec.json.decode(canonical_bytes(value)) == value


@given(st.dictionaries(texts(5), st.integers(), max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(mapping, random):
    items = list(mapping.items())
    random.shuffle(items)
    assert canonical_bytes(mapping) == canonical_bytes(dict(items))


def test_bytes_are_sorted_compact_utf8():
    assert '{"a":[1,2.5,null,true],"é":"ü"}'.encode() == canonical_bytes(
        {"é": "ü", "a": (1, 2.5, None, True)}
    )


@pytest.mark.parametrize(
    ("value", "twin"),
    [
        (-0.0, 0.0),
        (Colour.RED, "red"),
        (Word("red"), "red"),
        ({Word("a"): 1}, {"a": 1}),
        (MappingProxyType({"a": MappingProxyType({})}), {"a": {}}),
        ((1, (2,)), [1, [2]]),
    ],
    ids=["zero", "member", "text", "key", "mapping", "tuple"],
)
def test_equal_values_have_equal_bytes(value, twin):
    assert canonical_bytes(twin) == canonical_bytes(value)


@pytest.mark.parametrize(
    ("value", "other"), [(1, 1.0), (1, True), (1, "1"), (None, "null"), ([], {})]
)
def test_values_of_different_types_have_different_bytes(value, other):
    assert canonical_bytes(value) != canonical_bytes(other)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "\ud800", {1}, b"a", 1j, object()])
@pytest.mark.parametrize(
    ("place", "path"),
    [
        (lambda bad: bad, "$"),
        (lambda bad: {"a": [0, bad]}, "$.a[1]"),
        (lambda bad: [[{"k": (bad,)}]], "$[0][0].k[0]"),
    ],
    ids=["bare", "in a list", "deep"],
)
def test_what_has_no_canonical_form_is_refused_with_its_path(bad, place, path):
    with pytest.raises(CanonError) as caught:
        canonical_bytes(place(bad))
    assert str(caught.value).endswith(f" @ {path}")


@pytest.mark.parametrize("key", [1, True, None, (), "\udfff"])
def test_a_key_that_is_not_clean_text_is_refused(key):
    with pytest.raises(CanonError):
        canonical_bytes({"a": {key: 1}})


def test_nesting_is_bounded_so_a_cycle_is_an_error():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(CanonError, match="nested deeper"):
        canonical_bytes(cycle)


def test_the_deepest_allowed_nesting_is_encoded():
    assert canonical_bytes(wrap(1, MAX_NESTING)) == b"[" * MAX_NESTING + b"1" + b"]" * MAX_NESTING
    with pytest.raises(CanonError, match="nested deeper"):
        canonical_bytes(wrap(1, MAX_NESTING + 1))


def test_an_integer_of_any_real_size_is_exact_and_a_huge_one_is_refused():
    assert str(2**2000).encode() == canonical_bytes(2**2000)
    with pytest.raises(CanonError, match="integer"):
        canonical_bytes(10**5000)


def test_an_id_names_the_hash_and_its_digits():
    expected = "sha256:" + hashlib.sha256(b'{"a":1}').hexdigest()
    assert expected == content_id({"a": 1})
    assert expected == bytes_id(b'{"a":1}')
    assert expected[7:23] == short(expected)
    assert expected[7:11] == short(expected, 4)
