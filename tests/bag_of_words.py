"""What a reader who only counts words can tell of a label.

A family whose labels such a reader predicts teaches a student to read words instead of reasoning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from fcpref.core.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# A run of letters, a number or one sign: `not` and `->` of a formula are words too.
_WORD = re.compile(r"[^\W\d_]+|[0-9]+|[^\w\s]")


def words(text: str) -> list[str]:
    """Return the lower-cased words of a text, numbers and signs included."""
    return _WORD.findall(text.lower())


def accuracy(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    held_out: float = 0.25,
    penalty: float = 1e-3,
    steps: int = 200,
    seed: int = 0,
) -> float:
    """Return the share of held-out texts whose label their word counts predict.

    The model is a multinomial logistic regression with an L2 penalty on its weights.

    Arguments:
        texts: one a problem.
        labels: of the same length.
        held_out: the share of the texts, drawn at random, that is not fitted on.
        penalty: the weight of half the squared norm, beside the mean log loss.
        steps: most iterations of L-BFGS.
        seed: of the draw.

    Raises:
        ValueError: texts and labels differ in number, or one side of the draw would be empty.
    """
    order = list(range(len(texts)))
    derive(seed, "bag of words").shuffle(order)
    tested = round(held_out * len(texts))
    if len(labels) != len(texts) or not 0 < tested < len(texts):
        raise ValueError(f"{len(texts)} texts, {len(labels)} labels, {held_out=}")
    test, train = order[:tested], order[tested:]
    names = sorted({labels[index] for index in train})
    vocabulary = {
        word: place
        for place, word in enumerate(sorted({w for index in train for w in words(texts[index])}))
    }
    known = np.array([names.index(labels[index]) for index in train])
    weights, bias = _fit(
        _counts([texts[index] for index in train], vocabulary), known, len(names), penalty, steps
    )
    values = _counts([texts[index] for index in test], vocabulary) @ weights + bias
    guesses = [names[place] for place in values.argmax(axis=1)]
    return sum(guess == labels[index] for guess, index in zip(guesses, test, strict=True)) / len(
        test
    )


def _counts(texts: Sequence[str], vocabulary: dict[str, int]) -> csr_matrix:
    places: list[int] = []
    starts = [0]
    for text in texts:
        places += [vocabulary[word] for word in words(text) if word in vocabulary]
        starts.append(len(places))
    shape = (len(texts), len(vocabulary))
    counts = csr_matrix((np.ones(len(places)), places, starts), shape=shape)
    counts.sum_duplicates()
    return counts


def _fit(
    counts: csr_matrix, known: NDArray[np.int64], classes: int, penalty: float, steps: int
) -> tuple[Floats, Floats]:
    """Return weights (words, classes) and bias (classes,)."""
    rows, columns = counts.shape
    # A word of every text, or one that is in long texts often, would make the descent crawl.
    squares = counts.multiply(counts).mean(axis=0)
    means = np.asarray(counts.mean(axis=0)).ravel()
    scale = 1 / np.sqrt(np.maximum(np.asarray(squares).ravel() - means**2, 1e-6))
    target = np.eye(classes)[known]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[:-classes].reshape(columns, classes), flat[-classes:]
        scaled = weights * scale[:, None]
        values = counts @ scaled - means @ scaled + bias
        values -= values.max(axis=1, keepdims=True)
        logs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
        off = (np.exp(logs) - target) / rows
        slope = (counts.T @ off - np.outer(means, off.sum(axis=0))) * scale[:, None]
        slope += penalty * weights
        value = -(logs * target).sum() / rows + penalty / 2 * (weights**2).sum()
        return float(value), np.concatenate((slope.ravel(), off.sum(axis=0)))

    start = np.zeros((columns + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    weights = found[:-classes].reshape(columns, classes) * scale[:, None]
    return weights, found[-classes:] - means @ weights
