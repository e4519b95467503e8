"""What the openai engine makes sure of before a run, and that a run's command starts with it."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from click.testing import CliRunner

from fcpref import cli
from fcpref.core.chains import STUDENT, Chain, Limits, PromptSpec, schemas
from fcpref.core.tasks import find_task
from fcpref.errors import EndpointError
from fcpref.shell import stages
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.openai import Patience, Prices
from fcpref.shell.progress import Progress
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.solving import Solver, solve
from fcpref.shell.workspace import Workspace
from tests.chat_server import (
    KEY,
    MODEL,
    Behaviour,
    completion,
    engine,
    request,
    says,
    send,
    sends,
    serving,
)

TASK = find_task("math.word")
TOOLS = schemas(PromptSpec(detail="help", grammar="tools"), TASK.toolbox)


class Reader(Behaviour):
    """A server that counts a token a letter, functions included where it shows them."""

    def __init__(self, context=None, *, shows=True):
        super().__init__(self.answer)
        self.context, self.shows = context, shows

    def listing(self, handler):
        send(handler, {"data": [{"id": MODEL, "max_model_len": self.context}]})

    def answer(self, handler, body):
        prompt = sum(len(message["content"]) for message in body["messages"])
        prompt += len(json.dumps(body["tools"])) if self.shows and "tools" in body else 0
        usage = {"prompt_tokens": prompt, "completion_tokens": 1}
        send(handler, completion("x") | {"usage": usage})


def failed_check(behaviour, *requests, **settings):
    with serving(behaviour) as endpoint, pytest.raises(EndpointError) as caught:
        engine(endpoint, **settings).check(requests)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(endpoint)
    return text.removeprefix(endpoint).strip()


def test_the_longest_request_is_asked_for_one_token():
    behaviour = Reader()
    texts = ["short", "the longest of them all", "in between"]
    with serving(behaviour) as endpoint:
        asking = engine(endpoint)
        asking.check([request(f"p/{n}", text=text) for n, text in enumerate(texts)])
    (body,) = behaviour.bodies
    assert body["messages"][0]["content"] == texts[1]
    assert body["max_tokens"] == 1
    assert asking.usage.requests == 1


@pytest.mark.parametrize(("length", "fits"), [(404, True), (405, False)])
def test_a_prompt_and_its_reply_must_fit_the_context(length, fits):
    behaviour = Reader(context=500)
    asked = request(text="x" * length)
    if fits:
        with serving(behaviour) as endpoint:
            engine(endpoint).check([asked])
    else:
        said = failed_check(behaviour, asked)
        assert "reads 500 tokens, the longest prompt has 405 and a reply up to 96" in said


@pytest.mark.parametrize("context", [None, "4096", -1, True, [], 4.5])
def test_a_context_that_is_no_number_is_not_believed(context):
    with serving(Reader(context=context)) as endpoint:
        engine(endpoint).check([request(text="x" * 5000)])


def test_a_server_that_refuses_a_long_prompt_is_understood():
    message = "This model's maximum context length is 4096 tokens. However, you requested 5000."
    said = failed_check(Behaviour(sends({"error": {"message": message}}, status=400)), request())
    assert "show fewer examples" in said
    assert message in said


def test_a_server_that_shows_functions_is_accepted_and_one_that_hides_them_is_not():
    asked = request(tools=TOOLS)
    with serving(Reader()) as endpoint:
        engine(endpoint).check([asked])
    said = failed_check(Reader(shows=False), asked)
    assert "takes tools but does not show them to the model" in said


def test_a_server_that_refuses_functions_is_found():
    def answer(handler, body):
        if "tools" in body:
            send(handler, {"error": {"message": '"auto" tool choice is off'}}, status=400)
        else:
            says("x")(handler, body)

    said = failed_check(Behaviour(answer), request(tools=TOOLS))
    assert said.endswith("if it takes no tools, start it with them or use the python grammar")


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_found_though_the_list_is_open(status):
    said = failed_check(Behaviour(sends({"detail": "bad key"}, status=status)), request())
    assert f"answered {status} (bad key); set FCPREF_API_KEY" in said
    assert KEY not in said


def test_a_model_that_the_server_does_not_list_is_told_with_those_it_does():
    behaviour = Behaviour(sends({"error": {"message": "no model student"}}, status=404))
    behaviour.models = ("teacher", "critic")
    said = failed_check(behaviour, request())
    assert "(no model student)" in said
    assert said.endswith("it lists teacher, critic")


def test_a_failure_is_told_at_once_but_a_busy_server_is_waited_for():
    behaviour = Behaviour(sends({"detail": "down"}, status=500))
    failed_check(behaviour, request(), patience=Patience(retries=5, backoff=5))
    assert len(behaviour.bodies) == 1
    behaviour = Behaviour(sends({}, status=429, Retry_After="0.1"), says("x"))
    with serving(behaviour) as endpoint:
        engine(endpoint).check([request()])
    assert len(behaviour.bodies) == 2


def test_the_check_is_paid_for_from_the_budget():
    with serving(Reader()) as endpoint:
        asking = engine(endpoint, prices=Prices(prompt=1e6, completion=1e6), budget=1e4)
        asking.check([request(text="xxx")])
        assert asking.usage.cost == 4


# --- the command


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, "math.word", "train", 3)


def solver(endpoint, **options):
    plan = SamplePlan(samples=2, prompt=STUDENT, limits=Limits(calls=2))
    return Solver(
        engine="openai",
        endpoint=endpoint,
        model=MODEL,
        plan=plan,
        sampling=Sampling(),
        **options,
    )


def files(workspace):
    return sorted(path for path in workspace.root.rglob("*") if path.is_file())


def test_nothing_is_written_when_the_check_fails(workspace, problems):
    before = files(workspace)
    with serving(Behaviour(sends({"detail": "bad key"}, status=401))) as endpoint:
        with pytest.raises(EndpointError, match="answered 401"):
            solve(workspace, problems, solver(endpoint))
        with pytest.raises(EndpointError, match="cannot be reached"):
            solve(workspace, problems, solver("http://127.0.0.1:1/v1"))
    assert files(workspace) == before


def test_a_run_begins_with_its_longest_prompt(workspace, problems):
    behaviour = Reader()
    with serving(behaviour) as endpoint:
        solve(workspace, problems, solver(endpoint))
    first, *others = behaviour.bodies
    assert first["max_tokens"] == 1
    assert len(others) == 12
    lengths = [len(body["messages"][1]["content"]) for body in others]
    assert len(first["messages"][1]["content"]) == max(lengths)


def test_what_is_done_needs_no_server(workspace, problems):
    with serving(Reader()) as endpoint:
        made = solve(workspace, problems, solver(endpoint))
    assert solve(workspace, problems, solver("http://127.0.0.1:1/v1")).id == made.id


def test_an_interrupted_run_is_checked_again_and_goes_on(workspace, problems):
    class Dying(Reader):
        def answer(self, handler, body):
            if len(self.bodies) > 5:
                send(handler, {"detail": "no more"}, status=400)
            else:
                super().answer(handler, body)

    dying, living = Dying(), Reader()
    with serving(dying) as endpoint, pytest.raises(EndpointError, match="no more"):
        solve(workspace, problems, solver(endpoint, concurrency=1))
    with serving(living) as endpoint:
        chains = solve(workspace, problems, solver(endpoint))
    assert len(list(chains.values(Chain))) == 6
    assert len(living.bodies) == 1 + 12 - 4


def test_notes_reach_the_user_and_the_settings_the_engine(workspace, problems, capsys):
    class NoSeed(Reader):
        def answer(self, handler, body):
            if "seed" in body:
                send(handler, {"detail": "unknown parameter seed"}, status=400)
            else:
                super().answer(handler, body)

    talking = Workspace(workspace.root, Progress())
    with serving(NoSeed()) as endpoint:
        how = solver(endpoint, prices=Prices(prompt=1, completion=1), budget=0.002)
        with pytest.raises(EndpointError, match=r"the budget of 0\.002 is used up"):
            solve(talking, problems, how)
    assert capsys.readouterr().err.count("takes no seed") == 1


def test_deadlines_reach_the_engine(workspace, problems):
    with serving(Reader()) as endpoint, pytest.raises(EndpointError, match="longer than 1e-06 s"):
        solve(workspace, problems, solver(endpoint, patience=Patience(run=1e-6)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--request-timeout 0", "--request-timeout must be above 0"),
        ("--run-timeout 0", "--run-timeout must be above 0"),
        ("--budget 0 --price-in 1 --price-out 1", "--budget must be above 0"),
        ("--budget 1", "a budget needs the prices of tokens; give --price-in and --price-out"),
        ("--price-in 1", "--price-in and --price-out are needed together"),
        ("--price-in nan --price-out 1", "--price-in"),
        ("--price-in -1 --price-out 1", "--price-in"),
        ("--budget inf", "--budget"),
    ],
)
def test_options_that_make_no_sense_are_one_line(workspace, problems, words, said):
    done = run(workspace, problems, *words.split())
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def run(workspace, problems, *words, endpoint="http://127.0.0.1:1/v1", **variables):
    command = ["--artifacts", str(workspace.root), "chains", problems.id, "--engine", "openai"]
    command += ["--model", MODEL, "--endpoint", endpoint, "--calls", "2", *words]
    return CliRunner(env=variables).invoke(cli.main, command)


def test_prices_come_from_options_or_the_environment(workspace, problems):
    with serving(Reader()) as endpoint:
        spent = run(
            workspace, problems, "--budget", "0.002", endpoint=endpoint,
            FCPREF_PRICE_IN="1", FCPREF_PRICE_OUT="1",
        )  # fmt: skip
        assert (spent.exit_code, "the budget of 0.002 is used up" in spent.stderr) == (2, True)
        done = run(
            workspace, problems, "--budget", "5", "--price-in", "1", "--price-out", "1",
            "--request-timeout", "20", "--run-timeout", "60", endpoint=endpoint,
        )  # fmt: skip
        assert done.exit_code == 0


def test_a_command_says_in_its_help_what_may_be_spent_and_waited():
    said = CliRunner().invoke(cli.main, ["chains", "--help"]).stdout
    for option in ("--request-timeout", "--run-timeout", "--price-in", "--price-out", "--budget"):
        assert option in said


def test_a_solver_without_a_server_ignores_the_settings_of_one(workspace, problems):
    how = evolve(solver(None), engine="oracle", budget=None)
    assert solve(workspace, problems, how).header.count == 3
