"""Commands that let an engine or a model solve problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fcpref.cli_base import (
    STUDENT,
    Session,
    amount,
    command,
    in_shards,
    ladder,
    limit_options,
    policy_option,
    reply_limit,
    temperature,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fcpref.core.chains import Limits, PromptSpec
    from fcpref.shell.shards import Sharding

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
    "beginning; or correct each incorrect chain: from the start, after its first failure and at "
    "its end. Such chains are marked and count for no model.",
)
@policy_option(
    "Of engine oracle, and of --complete each: the shortest way, or all that follows until the "
    "answer is settled, which takes no looking ahead, silent or with thoughts."
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
@limit_options(tokens=800)
@reply_limit
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
    from fcpref.shell.engines.base import Sampling
    from fcpref.shell.sampling import SamplePlan
    from fcpref.shell.solving import Solver, solve

    samples = options["samples"] or max(1, len(options["temperatures"]))
    if options["until_both"] and samples == 1:
        raise click.UsageError("--until-both needs --samples, the most chains a problem")
    solver = Solver(
        engine=engine,
        model=options["model"] or (STUDENT if engine == "transformers" else None),
        dtype=options["dtype"],
        endpoint=options["endpoint"],
        recording=options["recording"],
        concurrency=options["concurrency"],
        **_server(options),
        plan=SamplePlan(
            samples=samples,
            prompt=_prompt(options),
            limits=_limits(options),
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


def _limits(options: dict[str, Any]) -> Limits:
    from fcpref.core.chains import Limits

    return Limits(
        calls=options["calls"], tokens=options["tokens"], reply_tokens=options["reply_tokens"]
    )


def _prompt(options: dict[str, Any]) -> PromptSpec:
    from fcpref.shell.prompting import prompt_spec

    return prompt_spec(
        options["prompt"],
        options["grammar"],
        options["shots"],
        options["exemplars"],
        options["without"],
    )


@command("fcpref evaluate adapter:artifacts/local/adapters/dpo-1 77f1 --against hub:M")
@click.argument("model")
@click.argument("problems")
@click.option("--against", help="Another model, to compare with on the same problems.")
@click.option("--samples", type=click.IntRange(0), default=0, show_default=True)
@click.option("--temperature", type=temperature, default=0.8, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@_prompt_options
@limit_options(tokens=400)
@reply_limit
def evaluate(
    session: Session,
    model: str,
    problems: str,
    against: str | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Let MODEL solve PROBLEMS, greedily and, with --samples, by sampling."""
    from fcpref.shell import stages_models
    from fcpref.shell.stages_report import evaluation_data, evaluation_text

    workspace = session.workspace
    found = workspace.locate(problems, "problems")
    labelled = {
        name: stages_models.evaluate(
            workspace,
            name,
            found,
            limits=_limits(options),
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
