"""Preference pairs: building them from scored chains, checking them, exporting them."""

from fcpref.core.pairs.build import PairSpec, chain_pairs, drawn
from fcpref.core.pairs.export import trl_row
from fcpref.core.pairs.lint import Finding, lint
from fcpref.core.pairs.lint_tokens import EncodedPair, lint_tokens
from fcpref.core.pairs.steps import step_pairs
from fcpref.core.pairs.values import PreferencePair

__all__ = [
    "EncodedPair",
    "Finding",
    "PairSpec",
    "PreferencePair",
    "chain_pairs",
    "drawn",
    "lint",
    "lint_tokens",
    "step_pairs",
    "trl_row",
]
