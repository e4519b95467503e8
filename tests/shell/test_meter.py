"""What a sampling run shows and logs, by a clock of our own."""

from __future__ import annotations

import json

import pytest
from attrs import evolve, frozen

from fcpref.core.chains import STUDENT, Limits
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.errors import ArtifactError, EndpointError
from fcpref.shell import stages
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.meter import LOG_EVERY, Meter, metered
from fcpref.shell.progress import LINE_EVERY, Bar, Progress
from fcpref.shell.sampling import SamplePlan, sample_chains
from fcpref.shell.workspace import Workspace
from tests.clock import Clock
from tests.shell.test_sampling import PROBLEMS, SCRIPTS, Scripted

PLAN = SamplePlan(samples=4, prompt=STUDENT, limits=Limits(calls=14))


class Log:
    """Keeps what is written to it."""

    def __init__(self):
        self.events = []

    def write(self, event, **fields):
        self.events.append({"event": event, **fields})


@frozen(kw_only=True)
class Used:
    requests: int = 7
    retries: int = 2
    prompt_tokens: int = 900
    completion_tokens: int = 90
    cost: float | None = 0.125


class Paid(Scripted):
    """Counts what it costs."""

    usage = Used()


def run(plan=PLAN, engine=None, seconds=1.0, scripts=SCRIPTS):
    """Sample with a meter, each reply taking so many seconds."""
    clock, log, bar = Clock(), Log(), Bar(None)
    engine = engine or Scripted(PROBLEMS, scripts)
    meter = Meter(plan, len(PROBLEMS), bar, log, engine, clock)

    class Ticking:
        def turn(self, turn):
            clock.now += seconds
            meter.turn(turn)

        def chain(self, scored):
            meter.chain(scored)

    chains = sample_chains(PROBLEMS, engine, plan, watch=Ticking())
    meter.end()
    return chains, log.events, bar


def test_the_counts_at_the_end_are_those_of_the_chains():
    chains, events, bar = run()
    end = events[-1]
    turns = [turn for chain in chains for turn in chain.turns]
    failed = [turn.outcome.code for turn in turns if turn.outcome.code is not None]
    assert (end["event"], end["chains"], end["of"]) == ("sampled", 20, 20)
    assert end["correct"] == sum(script.count("+") for script in SCRIPTS)
    assert end["supported"] == end["correct"]
    assert (end["calls"], end["failed_calls"]) == (len(turns), len(failed))
    assert end["codes"] == {"not_a_call": len(failed)}
    assert end["verdicts"] == {"correct": end["correct"], "malformed": 20 - end["correct"]}
    assert end["tokens"] == 3 * len(turns)
    assert (end["completed"], end["seconds_left"]) == (0, 0)
    assert "cost" not in end
    assert (bar.done, bar.total) == (20, 20)
    assert bar.text.startswith(
        f"{end['correct']} correct, {end['correct']} supported, "
        f"{len(failed)} of {len(turns)} calls failed, 3 tokens/s"
    )


def test_counts_are_logged_now_and_then_with_the_time_that_is_left():
    seconds = LOG_EVERY / 10
    chains, events, _ = run(seconds=seconds)
    calls = sum(len(chain.turns) for chain in chains)
    middle = [event for event in events if event["event"] == "progress"]
    assert [event["calls"] for event in middle] == list(range(10, calls + 1, 10))
    for event in middle[2:]:
        assert event["tokens_per_second"] == pytest.approx(3 / seconds, abs=0.1)
        assert event["seconds_left"] > 0


def test_what_an_engine_costs_is_told_where_it_counts():
    _, events, bar = run(engine=Paid(PROBLEMS, SCRIPTS))
    told = {name: events[-1][name] for name in ("cost", "requests", "retries", "prompt_tokens")}
    assert told == {"cost": 0.125, "requests": 7, "retries": 2, "prompt_tokens": 900}
    assert bar.text.endswith("cost 0.125")
    free = Paid(PROBLEMS, SCRIPTS)
    free.usage = Used(cost=None)
    _, events, bar = run(engine=free)
    assert events[-1]["cost"] is None
    assert "cost" not in bar.text


def test_samples_that_are_not_drawn_are_not_waited_for():
    chains, events, bar = run(evolve(PLAN, until_both=True))
    assert (bar.done, bar.total) == (len(chains), len(chains)) == (15, 15)
    assert (events[-1]["chains"], events[-1]["of"]) == (15, 15)


def test_a_wrong_answer_that_calls_establish_is_supported_and_not_correct():
    from fcpref.core.tasks import find_task

    task = find_task("math.word")
    problem = task.generate({}, 0, "train", 0)
    chain = task.oracle_chain(problem, Limits())
    other = evolve(problem, gold="1")
    score = task.score(chain, other)
    bar = Bar(None)
    meter = Meter(PLAN, 1, bar)
    meter.chain(ScoredChain(chain=chain, score=score))
    assert bar.text.startswith("0 correct, 1 supported")


class Broken(Log):
    """A log on a full disk."""

    def write(self, *_, **__):
        raise ArtifactError("the disk is full")


def test_what_stops_a_run_is_not_hidden_by_its_log():
    log = Log()
    for one in (log, Broken()):
        engine = Scripted(PROBLEMS, SCRIPTS, breaks_after=5)
        with (
            pytest.raises(EndpointError),
            metered(Progress(quiet=True), "m", PLAN, len(PROBLEMS), one, engine) as meter,
        ):
            sample_chains(PROBLEMS, engine, PLAN, watch=meter)
    assert [event["calls"] for event in log.events] == [5]


def test_stages_log_their_counts_and_keep_them_out_of_the_artifact(tmp_path):
    quiet, shown = (
        Workspace(tmp_path / name, Progress(quiet=name == "quiet")) for name in ("quiet", "shown")
    )
    ids = set()
    for workspace in (quiet, shown):
        problems = stages.make_problems(workspace, "fol.deduction", "train", 3, 5)
        chains = stages.oracle_chains(workspace, problems)
        ids.add(chains.id)
        lines = (workspace.local / "logs" / "chains.jsonl").read_text().splitlines()
        (event,) = (row for row in map(json.loads, lines) if row["event"] == "sampled")
        assert (event["chains"], event["correct"], event["codes"]) == (3, 3, {})
        calls = sum(len(chain["turns"]) for chain in chains.records)
        assert (event["calls"], event["stage"]) == (calls, "chains")
        values = problems.values(Problem)
        assert len(sample_chains(values, OracleEngine(values), PLAN)) == 12
    assert len(ids) == 1


def test_a_line_says_what_is_done_and_how_long_the_rest_will_take(capsys):
    clock = Clock()
    progress = Progress(clock=clock)
    with progress.bar("chains m", 90) as bar:
        for done in range(1, 31):
            clock.now += 4
            bar.to(done, text="2 correct")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "chains m: 3 of 90, 2 correct, 6 min left"
    assert lines[-1].startswith("chains m: 30 of 90, 2 correct, 4 min left")
    assert len(lines) == 30 * 4 // (LINE_EVERY + 2)


def test_a_line_leaves_out_the_time_where_it_is_not_known(capsys):
    clock = Clock()
    progress = Progress(clock=clock)
    for total, done in ((None, 3), (5, 5), (5, 0)):
        with progress.bar("work", total) as bar:
            clock.now += LINE_EVERY + 1
            bar.to(done)
    assert capsys.readouterr().err.splitlines() == ["work: 3", "work: 5 of 5", "work: 0 of 5"]
