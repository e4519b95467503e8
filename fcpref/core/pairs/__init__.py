"""Preference pairs: building them from scored chains, checking them, exporting them."""

from fcpref.core.pairs.build import (
    Candidate,
    build_pairs,
    candidate,
    candidates,
    drawn,
    executes,
)
from fcpref.core.pairs.export import trl_row
from fcpref.core.pairs.lint import Finding, lint
from fcpref.core.pairs.lint_tokens import EncodedPair, lint_tokens
from fcpref.core.pairs.values import (
    CORRUPTIONS,
    ORIGINS,
    Corruption,
    Origin,
    PairSpec,
    PreferencePair,
)

__all__ = [
    "CORRUPTIONS",
    "ORIGINS",
    "Candidate",
    "Corruption",
    "EncodedPair",
    "Finding",
    "Origin",
    "PairSpec",
    "PreferencePair",
    "build_pairs",
    "candidate",
    "candidates",
    "drawn",
    "executes",
    "lint",
    "lint_tokens",
    "trl_row",
]
