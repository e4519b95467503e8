"""Recordings of whole stages, for the tests of what shows, compares and edits them."""

from __future__ import annotations

from attrs import evolve

from fcpref.core.chains import Reply
from fcpref.core.problems import Problem
from fcpref.shell import stages, stages_chains
from fcpref.shell.store import read_artifact
from tests.recorded import IDENTITY, PLAN, FakeEngine

NAME = "math.word"
SECOND = {**IDENTITY, "revision": "2"}


def recorded(workspace, problems, plan=PLAN, engine=None):
    """Record a run and return the recording."""
    engine = engine or FakeEngine(problems.values(Problem))
    chains = stages.model_chains(workspace, problems, engine, plan)
    return workspace.find(chains.header.parents[1], "recording")


def some(workspace, problems, places):
    values = problems.values(Problem)
    return workspace.write(
        "problems", [values[place] for place in places], spec=problems.header.spec
    )


class Otherwise(FakeEngine):
    """Says something else in the second step of one chain."""

    identity = IDENTITY

    def __init__(self, problems, job, text="Add(a=70, b=7)", step=1):
        super().__init__(problems)
        self.job, self.text, self.step = job, text, step

    def run(self, requests, on_reply):
        def other(request, reply):
            changed = (request.job, request.step) == (self.job, self.step)
            return on_reply(request, Reply(text=self.text) if changed else reply)

        super().run(requests, other)


def changed(monkeypatch):
    """Let a function's results read otherwise from now on."""
    real = stages_chains.sample_chains.__globals__["advance"]

    def other(state, reply):
        after = real(state, reply)
        if not after.turns or "Subtract" not in reply.text:
            return after
        last = after.turns[-1]
        outcome = evolve(last.outcome, text=f"= {last.outcome.text}")
        return evolve(after, turns=(*after.turns[:-1], evolve(last, outcome=outcome)))

    monkeypatch.setattr("fcpref.shell.sampling.advance", other)
    monkeypatch.setattr("fcpref.shell.recordings_show.executed", other)


def chains_of(workspace, recording):
    for path in workspace.paths("chains"):
        artifact = read_artifact(path)
        if recording.id in artifact.header.parents:
            return artifact.id
    raise AssertionError(recording)
