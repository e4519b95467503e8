"""Commands of recordings, and of chats from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fcpref.cli_base import (
    Session,
    command,
    limit_options,
    main,
)


@main.group(epilog="\b\nExample:\n  fcpref recordings show 3f2a")
def recordings() -> None:
    """Look at recordings, compare, prune and merge them; import chats from elsewhere.

    A recording is named by its path or by the first digits of its id.
    """


@command(
    "fcpref recordings show 3f2a",
    "fcpref recordings show 3f2a 0029/1",
    "fcpref recordings show artifacts/local/recording/9c4d.part",
    group=recordings,
)
@click.argument("recording")
@click.argument("job", required=False, metavar="[PROBLEM[/SAMPLE]]")
def show(session: Session, recording: str, job: str | None) -> None:
    """Say what RECORDING holds; with a problem's id, show its recorded chain as a chat.

    A recording that a run is writing, a .part file, can be looked at meanwhile.
    """
    from attrs import asdict

    from fcpref.shell import recordings_show as shown

    contents = shown.read_recording(session.workspace, recording)
    if job is None:
        session.show(shown.described(contents), shown.summary(contents))
    else:
        chat = shown.chat(contents, shown.find_job(contents, job))
        session.show(asdict(chat), chat.text())


@command("fcpref recordings diff 3f2a 90bc", "fcpref recordings diff 3f2a", group=recordings)
@click.argument("recording")
@click.argument("other", required=False)
def diff(session: Session, recording: str, other: str | None) -> None:
    """Say what differs between RECORDING and OTHER: identity, plan, problems, the first reply.

    Without OTHER: what the current code asks otherwise than was recorded.
    """
    from attrs import asdict

    from fcpref.shell.recordings_diff import against_now, compare, findings_text
    from fcpref.shell.recordings_show import as_artifact

    workspace = session.workspace
    if other is None:
        found = against_now(workspace, as_artifact(workspace, recording))
    else:
        found = compare(workspace, recording, other)
    session.show([asdict(one) for one in found], findings_text(found))


@command(
    "fcpref recordings prune 3f2a",
    "fcpref recordings prune 3f2a --keep-problems 77f1",
    group=recordings,
)
@click.argument("recording")
@click.option("--keep-problems", metavar="PROBLEMS", help="Drop the replies to all others.")
def prune(session: Session, recording: str, keep_problems: str | None) -> None:
    """Write RECORDING again without the replies that no chain of the current code reaches.

    A problem whose chains lack a reply is left out, so that the rest replays; of a .part file, what
    is whole is sealed.
    """
    from fcpref.shell import recordings_edit
    from fcpref.shell.recordings_show import as_artifact

    workspace = session.workspace
    keep = workspace.locate(keep_problems, "problems") if keep_problems else None
    done = recordings_edit.prune(workspace, as_artifact(workspace, recording), keep)
    if done.lost:
        workspace.progress.note(f"{done.lost} problems cannot be replayed: {done.misses}")
    session.give(done.recording, dropped=done.dropped, lost=done.lost)


@command("fcpref recordings merge 3f2a 90bc", group=recordings)
@click.argument("recordings", nargs=-1, required=True)
def merge(session: Session, recordings: tuple[str, ...]) -> None:
    """Make one recording of RECORDINGS of other problems or samples; .part files will do."""
    from fcpref.core.canon import short
    from fcpref.shell import recordings_edit

    done = recordings_edit.merge(session.workspace, recordings)
    session.give(done.recording, chains=short(done.chains.id))


@command(
    "fcpref recordings import chats.jsonl 77f1 --model NAME",
    "fcpref recordings import pairs-dataset 77f1",
    group=recordings,
    name="import",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("problems")
@click.option("--model", default="unknown", show_default=True, help="Who replied.")
@click.option(
    "--grammar", type=click.Choice(["python", "tools"]), help="Told by each row when left out."
)
@limit_options(tokens=800)
def import_(session: Session, file: Path, problems: str, **options: Any) -> None:  # noqa: ANN401
    """Import chats about PROBLEMS from FILE: JSON (Lines), Parquet, or a folder of these.

    A row has messages; prompt and completion, or prompt, chosen and rejected (TRL, axolotl);
    conversations (LLaMA-Factory); or a request and its response. It belongs to the problem whose
    text is one of its user turns, or whose id it has in the field "problem". Its assistant turns
    are executed here, whatever results it was told; labels are not read.
    """
    from fcpref.core.chains import Limits
    from fcpref.shell import importing

    workspace = session.workspace
    done = importing.import_chats(
        workspace,
        file,
        workspace.locate(problems, "problems"),
        model=options["model"],
        grammar=options["grammar"],
        limits=Limits(calls=options["calls"], tokens=options["tokens"]),
    )
    session.show(importing.as_data(done), importing.summary(done))
    if session.out:
        from fcpref.shell.workspace import copy_to

        if len(done.chains) > 1:
            raise click.UsageError(f"--out takes one file, and there are {len(done.chains)}")
        copy_to(done.chains[0], session.out)
