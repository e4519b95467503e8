import time

import pytest

from fcpref.core.seeds import derive
from tests.bag_of_words import accuracy, words

LABELS = ("True", "False", "Unknown")
WORDS = [first + second for first in "bdfgklmnprst" for second in ("a", "ela", "iro", "oma", "un")]


def drawn(count, size=12, *, seed=0):
    """Return texts of random words, and labels that have nothing to do with them."""
    stream = derive(seed, "words")
    texts = [" ".join(stream.choice(WORDS) for _ in range(size)) for _ in range(count)]
    return texts, [stream.choice(LABELS) for _ in range(count)]


def test_labels_independent_of_the_text_are_told_at_chance():
    texts, labels = drawn(6_000)
    assert abs(accuracy(texts, labels) - 1 / 3) < 0.04


def test_a_word_that_only_one_label_has_is_found():
    texts, labels = drawn(3_000)
    told = [
        f"{text} Xylo." if label == "True" else text
        for text, label in zip(texts, labels, strict=True)
    ]
    assert accuracy(told, [str(label == "True") for label in labels]) > 0.99


def test_a_word_that_one_label_has_somewhat_more_often_is_found():
    texts, labels = drawn(6_000)
    stream = derive(1, "leak")
    share = {"True": 0.7, "False": 0.3, "Unknown": 0.3}
    told = [
        f"{text} not" if stream.random() < share[label] else text
        for text, label in zip(texts, labels, strict=True)
    ]
    assert 0.42 < accuracy(told, labels) < 0.52


def test_the_number_of_times_a_word_stands_is_found():
    texts, _ = drawn(3_000)
    counts = [derive(2, index).randint(0, 3) for index in range(3_000)]
    told = [text + " not" * count for text, count in zip(texts, counts, strict=True)]
    assert accuracy(told, [str(count > 1) for count in counts]) > 0.98


def test_a_lone_sign_and_case_do_not_hide_a_word():
    assert words("forall x. (Big(x) -> not Red(x2))") == [
        *("forall", "x", ".", "(", "big", "(", "x", ")", "-", ">", "not", "red", "(", "x", "2"),
        *(")", ")"),
    ]


def test_the_same_draw_gives_the_same_share():
    texts, labels = drawn(500)
    assert accuracy(texts, labels, seed=3) == accuracy(texts, labels, seed=3)


@pytest.mark.parametrize("share", [0, 1, 0.001])
def test_an_empty_side_is_refused(share):
    with pytest.raises(ValueError, match="3 texts"):
        accuracy(["a", "b", "c"], ["1", "2", "1"], held_out=share)


def test_20000_long_texts_take_well_under_a_minute():
    texts, labels = drawn(20_000, 80)
    before = time.process_time()
    accuracy(texts, labels)
    assert time.process_time() - before < 40
