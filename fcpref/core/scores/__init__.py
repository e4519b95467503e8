"""Scores: a chain is correct only when its answer is right and its calls establish it."""

from fcpref.core.scores.score import (
    Score,
    ScoredChain,
    Support,
    Verdict,
    score_chain,
    score_state,
)
from fcpref.core.scores.trace import trace

__all__ = [
    "Score",
    "ScoredChain",
    "Support",
    "Verdict",
    "score_chain",
    "score_state",
    "trace",
]
