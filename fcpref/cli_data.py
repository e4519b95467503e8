"""Commands of chains that are there: scores, comparisons, what people are shown; and rewrites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fcpref.cli_base import (
    STUDENT,
    Session,
    command,
    in_shards,
    scorer_of,
)

if TYPE_CHECKING:
    from fcpref.shell.shards import Sharding
    from fcpref.shell.show import AsTrained


@command("fcpref augment 77f1 --rewrite renaming --rewrite reordering --copies 2")
@click.argument("problems")
@click.option(
    "--rewrite",
    "rewrites",
    multiple=True,
    required=True,
    metavar="KIND",
    help="renaming (other names and words), reordering (of facts, rules, people, operands) or"
    " paraphrase (other phrasings); may be given again.",
)
@click.option("--copies", type=int, default=1, show_default=True, help="Rewrites of each at most.")
@click.option("--seed", type=int, default=0, show_default=True)
def augment(
    session: Session, problems: str, rewrites: tuple[str, ...], copies: int, seed: int
) -> None:
    """Rewrite PROBLEMS so that answer and split stay; each rewrite is verified."""
    from fcpref.shell.augmenting import augment

    workspace = session.workspace
    found = workspace.locate(problems, "problems")
    session.give(augment(workspace, found, rewrites, copies, seed))


@command("fcpref score 81c0")
@click.argument("chains")
@in_shards
def score(session: Session, chains: str, sharding: Sharding | None) -> None:
    """Execute CHAINS again and judge them; say what they come to."""
    from fcpref.shell.scoring import summary
    from fcpref.shell.stages_scores import scores_of

    (made,) = scores_of(session.workspace, [chains], scorer_of(sharding))
    session.give(made, summary(made))


@command("fcpref compare-prompts 81c0 5d3e 90ab")
@click.argument("chains", nargs=-1, required=True)
def compare_prompts(session: Session, chains: tuple[str, ...]) -> None:
    """Compare what CHAINS (or scores) come to by the prompts that they were sampled with.

    A row for each prompt, compared with the prompt of the first CHAINS on the same problems.
    Problems stand for all chains about them.
    """
    from fcpref.shell.stages_prompts import compare_prompts as compare
    from fcpref.shell.stages_prompts import results_data, results_text, scores_about

    workspace = session.workspace
    results = compare(workspace, scores_about(workspace, chains))
    text = results_text(results)
    session.show(results_data(results), text.rstrip("\n"))
    if session.out:
        from fcpref.shell.store import write_bytes

        write_bytes(session.out, text.encode())


@command(
    "fcpref show 81c0",
    "fcpref show 81c0 0029/1",
    "fcpref show 81c0 --verdict malformed --code not_a_call --depth 3-5 --limit 20",
    "fcpref show 90ab --origin step --html pairs.html",
    "fcpref show 90ab --trained --student hub:M --set max_tokens=1024",
    name="show",
)
@click.argument("artifact")
@click.argument("identifier", required=False, metavar="[ID]")
@click.option("--verdict", default="", help="Such as wrong_answer; of pairs the rejected chain's.")
@click.option(
    "--code",
    default="",
    help="With a call that failed so, such as not_a_call; of pairs what the rejected chain is "
    "judged for.",
)
@click.option("--depth", metavar="N|LOW-HIGH", help="Difficulty of the problem.")
@click.option("--task", default="", help="Such as fol.deduction.")
@click.option("--origin", default="", help="Builder of the pairs, such as step.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="How many at most.  [default: 5; with --html 200, with --json all]",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page that needs no other file, in place of text.",
)
@click.option(
    "--trained", is_flag=True, help="Mark what carries loss: in sft, or in dpo where it is pairs."
)
@click.option(
    "--student",
    help=f"With --trained: the model to be trained, whose tokens they are.  [default: {STUDENT}]",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="With --trained: a setting of the run, as of train; such as max_tokens=1024.",
)
def show_chains(
    session: Session,
    artifact: str,
    identifier: str | None,
    depth: str | None,
    limit: int | None,
    html: Path | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Show the chains or pairs of ARTIFACT: chains, scores or pairs.

    ID is the start of the id of a chain or pair, or PROBLEM[/SAMPLE]. Chains are shown with their
    problem, results, verdict and evidence; a pair's chains beside each other where the terminal has
    100 columns, with the first call that differs marked. With --trained, replies are shown as the
    student's tokens, and those that carry loss stand out: {+so+}, in colour where there are any.
    """
    from fcpref.shell import show as shown
    from fcpref.shell.store import write_bytes

    run = _as_trained(
        session, options.pop("student"), options.pop("changes"), asked=options.pop("trained")
    )
    filters = shown.Filters(
        name=identifier or "", depth=shown.read_depth(depth) if depth else None, **options
    )
    most = shown.ON_PAGE if html else None if session.as_json else shown.IN_TERMINAL
    found = shown.select(session.workspace, artifact, filters, limit or most, run)
    if html is not None:
        write_bytes(html, found.page().encode())
        session.show({**found.counts(), "path": str(html)}, f"{found.title}\n{html}")
    elif session.as_json:
        # As escapes: a terminal could obey what is in a reply.
        click.echo(json.dumps(found.data()))
    else:
        click.echo(shown.for_terminal(found))
    if session.out:
        write_bytes(session.out, (found.text(shown.WIDTH, colour=False) + "\n").encode())


def _as_trained(
    session: Session, student: str | None, changes: tuple[str, ...], *, asked: bool
) -> AsTrained | None:
    """Return the training run that `show --trained` is about; None where that is not asked."""
    from fcpref.shell.model_names import ModelName
    from fcpref.shell.resolving import resolve
    from fcpref.shell.settings import settings
    from fcpref.shell.show import AsTrained

    if asked:
        settled = settings(changes)
        model = resolve(ModelName.parse(student or STUDENT), session.workspace.progress.note)
        return AsTrained(student=model, changes=settled)
    if student or changes:
        raise click.UsageError(f"{'--student' if student else '--set'} needs --trained")
    return None
