"""What a set of trials says about a model, and what two sets say about a change.

Shares come with intervals, changes with paired tests on the same problems.
"""

from __future__ import annotations

from fcpref.core.evaluation.comparison import Comparison, Difference, compare
from fcpref.core.evaluation.intervals import (
    Interval,
    Stream,
    cluster_bootstrap,
    wilson,
)
from fcpref.core.evaluation.paired import PairedTest, holm, mcnemar, wilcoxon
from fcpref.core.evaluation.prompts import (
    JudgedTrial,
    PromptResult,
    Setting,
    compare_prompts,
)
from fcpref.core.evaluation.summary import (
    Count,
    EvaluationSummary,
    Share,
    Stratum,
    summarise,
)
from fcpref.core.evaluation.trials import RIGHT, VERDICTS, Metric, Trial

__all__ = [
    "RIGHT",
    "VERDICTS",
    "Comparison",
    "Count",
    "Difference",
    "EvaluationSummary",
    "Interval",
    "JudgedTrial",
    "Metric",
    "PairedTest",
    "PromptResult",
    "Setting",
    "Share",
    "Stratum",
    "Stream",
    "Trial",
    "cluster_bootstrap",
    "compare",
    "compare_prompts",
    "holm",
    "mcnemar",
    "summarise",
    "wilcoxon",
    "wilson",
]
