"""Coverage of the real file; runs where FCPREF_GSM8K names it."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from fcpref.core.chains import Limits, Reply, advance, begin
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.core.tasks.worked_solution import Skip, explain

FILE = os.environ.get("FCPREF_GSM8K", "")
TASK = find_task("math.gsm8k")


@pytest.mark.skipif(not FILE, reason="FCPREF_GSM8K names no file")
def test_the_oracle_covers_the_training_split():
    rows = [json.loads(line) for line in Path(FILE).read_text("utf-8").splitlines()]
    problems = [TASK.read(row, index) for index, row in enumerate(rows)]
    skips, verdicts, aloud = Counter(), Counter(), Counter()
    for problem in problems:
        found = explain(problem)
        if isinstance(found, Skip):
            skips[found] += 1
            continue
        chain = TASK.oracle_chain(problem, Limits())
        assert all(turn.outcome.code is None for turn in chain.turns)
        verdicts[TASK.score(chain, problem).verdict] += 1
        state = begin(TASK.toolbox, problem, (), Limits(calls=32))
        for text in TASK.solution(problem, "aloud"):
            state = advance(state, Reply(text=text))
            assert state.turns[-1].outcome.code is None
        aloud[TASK.score_state(state).verdict] += 1
    assert set(verdicts) <= {Verdict.CORRECT, Verdict.UNSUPPORTED}
    assert sum(verdicts.values()) >= 0.96 * len(rows)
    assert verdicts[Verdict.CORRECT] >= 0.93 * len(rows)
    assert aloud[Verdict.CORRECT] >= 0.93 * len(rows)
    assert sum(verdicts.values()) + sum(skips.values()) == len(rows)
