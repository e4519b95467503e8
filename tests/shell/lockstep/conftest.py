"""What the tests of the lockstep engine share: a model, and what a plain loop makes it say."""

from __future__ import annotations

import pytest

from tests.lockstep import Replies, openings, plain_loop
from tests.tiny_model import ascii_tokenizer, tiny_llama


@pytest.fixture(scope="session")
def tokenizer():
    """Give a tokenizer that no test changes."""
    return ascii_tokenizer()


@pytest.fixture(scope="session")
def model(tokenizer):
    """Give a random model that no test changes."""
    return tiny_llama(tokenizer)


@pytest.fixture(scope="session")
def expected(model, tokenizer) -> Replies:
    """Return what the plain loop says."""
    return plain_loop(model, tokenizer, openings())
