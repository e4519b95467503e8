"""Scores: a chain is correct only when its answer is right and its calls establish it."""

from fcpref.core.scores.reasoned import Grounded
from fcpref.core.scores.score import (
    MEASURES,
    Score,
    ScoredChain,
    Support,
    Verdict,
    measure_chain,
    score_chain,
    score_state,
)
from fcpref.core.scores.tally import Tally, tally
from fcpref.core.scores.trace import trace

__all__ = [
    "MEASURES",
    "Grounded",
    "Score",
    "ScoredChain",
    "Support",
    "Tally",
    "Verdict",
    "measure_chain",
    "score_chain",
    "score_state",
    "tally",
    "trace",
]
