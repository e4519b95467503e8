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
from fcpref.core.pairs.findings import Finding, LengthBias, LintReport, Tally, Trained
from fcpref.core.pairs.lint import errors_first, lint, lint_report
from fcpref.core.pairs.lint_rows import PreferenceRow, lint_rows
from fcpref.core.pairs.lint_tokens import EncodedPair, TokenReport, lint_tokens, token_report
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
    "LengthBias",
    "LintReport",
    "Origin",
    "PairSpec",
    "PreferencePair",
    "PreferenceRow",
    "Tally",
    "TokenReport",
    "Trained",
    "build_pairs",
    "candidate",
    "candidates",
    "drawn",
    "errors_first",
    "executes",
    "lint",
    "lint_report",
    "lint_rows",
    "lint_tokens",
    "token_report",
    "trl_row",
]
