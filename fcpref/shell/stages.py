"""The stages: each reads artifacts, writes artifacts, and does what was done before only once."""

from fcpref.shell.augmenting import augment
from fcpref.shell.exporting import export_dataset
from fcpref.shell.linting import lint_pairs
from fcpref.shell.publishing import publish, write_manifest
from fcpref.shell.stages_chains import model_chains, oracle_chains, replay_chains
from fcpref.shell.stages_models import (
    evaluate,
    local_chains,
    make_trials,
    split_trials,
)
from fcpref.shell.stages_pairs import pairs, problems_of
from fcpref.shell.stages_problems import make_problems, planned_problems
from fcpref.shell.stages_report import (
    comparisons_of,
    rewrite_report,
    summaries_of,
    write_report,
)
from fcpref.shell.stages_scores import score
from fcpref.shell.stages_training import train
from fcpref.shell.verify import verify
from fcpref.shell.workspace import Workspace

__all__ = [
    "Workspace",
    "augment",
    "comparisons_of",
    "evaluate",
    "export_dataset",
    "lint_pairs",
    "local_chains",
    "make_problems",
    "make_trials",
    "model_chains",
    "oracle_chains",
    "pairs",
    "planned_problems",
    "problems_of",
    "publish",
    "replay_chains",
    "rewrite_report",
    "score",
    "split_trials",
    "summaries_of",
    "train",
    "verify",
    "write_manifest",
    "write_report",
]
