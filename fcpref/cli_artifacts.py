"""Commands of what is there already: reports, checks, what is published or made again, models."""

from __future__ import annotations

from pathlib import Path

import click

from fcpref.cli_base import (
    Session,
    command,
)


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
