"""Trains the student with TRL and PEFT: supervised first, then by preference.

Rows are tokenised here, not by TRL, so that exactly the model's own calls carry loss (TRL's DPO
collator would train on function results). Output is a PEFT adapter in bf16, or a whole model, and a
RunRecord.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from fcpref.core.canon import short
from fcpref.core.chains import begin, finish
from fcpref.core.codec import unstructure
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import (
    DpoSpec,
    GrpoSpec,
    RunRecord,
    SftSpec,
    drawing_order,
    judged_replies,
    left_out,
    trained_replies,
)
from fcpref.errors import ArtifactError, TrainingError
from fcpref.shell import processes, sharding
from fcpref.shell.adapter_size import CONFIG
from fcpref.shell.adapters import WEIGHTS, save_adapter, to_train
from fcpref.shell.checkpoints import Checkpoints
from fcpref.shell.encoding import encode_rows
from fcpref.shell.model_names import ModelName, ResolvedModel, public_base
from fcpref.shell.probing import Probing
from fcpref.shell.store import file_hash, is_free
from fcpref.shell.tokens import encode_row
from fcpref.shell.training_templates import grammars_of, training_tokenizer
from fcpref.shell.whole_models import filled, is_whole, save_whole

if TYPE_CHECKING:
    from fcpref.core.chains import Chain, Encoded
    from fcpref.core.functions import Grammar
    from fcpref.core.pairs import PreferencePair
    from fcpref.shell.probe_guard import ProbeGuard

OnStep = Callable[[int, int, Mapping[str, float]], None]


@frozen(kw_only=True)
class TrainingJob:
    """Where a run starts, what it reads, where it writes.

    Attributes:
        student: the model that training starts from: a base, or an adapter on one.
        problems: by id, all that the rows refer to.
        data: ids of the artifacts that the rows come from.
        out: folder of the adapter, or of the model where all of it is trained.
        on_step: told of each optimizer step: its number, how many there are, and, where they are
            logged, metrics since they were last.
        note: told in a line what is to be said before.
        checkpoints: where the run leaves them, and goes on from one; none unless given. They stay
            when it is done.
        probing: what the run is probed with; nothing unless given.
    """

    student: ResolvedModel
    problems: Mapping[str, Problem]
    data: tuple[str, ...]
    out: Path
    on_step: OnStep = lambda _step, _total, _metrics: None
    note: Callable[[str], None] = lambda _line: None
    checkpoints: Checkpoints | None = None
    probing: Probing | None = None


def train_sft(chains: Sequence[Chain], spec: SftSpec, job: TrainingJob) -> RunRecord:
    """Fine-tune on the calls of correct chains and return the record of the run.

    Raises:
        TrainingError: no chain fits the token limit, the chat template is not prefix-preserving,
            or the loss is not finite.
        ModelError: chains of the `tools` grammar, and a chat template that knows no tools.
        ArtifactError: the folder to write holds something else, or cannot be written.
    """
    tokenizer, template = _tokenizer(job, grammars_of(chains))
    judged = [(chain, trained_replies(chain, failed=False, onward=spec.onward)) for chain in chains]
    encoded = encode_rows(tokenizer, job.student.name, job.problems, judged, spec.prompt)
    kept = [item for item in encoded if not left_out((item,), spec.max_tokens)]
    if not kept:
        message = f"no chain fits {spec.max_tokens} tokens; raise max_tokens or give other chains"
        raise TrainingError(message)
    _refuse_other_folder(job.out)
    from fcpref.shell.trl_trainers import run_sft

    model = to_train(job.student, spec)
    guard = _guard(model, tokenizer, job, spec)
    result = run_sft(model, tokenizer, kept, spec, job.on_step, job.checkpoints, guard)
    return _finish(
        model, job, spec, [[item] for item in kept], len(encoded), result, template, guard
    )


def train_dpo(pairs: Sequence[PreferencePair], spec: DpoSpec, job: TrainingJob) -> RunRecord:
    """Train by preference and return the record of the run.

    The reference is the policy at the start: the SFT adapter where the student has one.

    Raises:
        TrainingError: no pair fits the token limit, the chat template is not prefix-preserving,
            or the loss is not finite.
        ModelError: pairs of the `tools` grammar, and a chat template that knows no tools.
        ArtifactError: the folder to write holds something else, or cannot be written.
    """
    tokenizer, template = _tokenizer(job, grammars_of(pairs))
    judged = [
        (chain, carries)
        for pair in pairs
        for chain, carries in zip((pair.chosen, pair.rejected), judged_replies(pair), strict=True)
    ]
    found = iter(encode_rows(tokenizer, job.student.name, job.problems, judged, spec.prompt))
    encoded = [[chosen, next(found)] for chosen in found]
    kept = [both for both in encoded if not left_out(both, spec.max_tokens)]
    if not kept:
        message = f"no pair fits {spec.max_tokens} tokens; raise max_tokens or give other pairs"
        raise TrainingError(message)
    _refuse_other_folder(job.out)
    from fcpref.shell.trl_trainers import run_dpo

    model = to_train(job.student, spec)
    guard = _guard(model, tokenizer, job, spec)
    result = run_dpo(model, tokenizer, kept, spec, job.on_step, job.checkpoints, guard)
    return _finish(model, job, spec, kept, len(encoded), result, template, guard)


def _tokenizer(job: TrainingJob, grammars: Iterable[Grammar]) -> tuple[Any, str]:
    """Return the student's tokenizer, and the chat template that what is trained keeps."""
    found = training_tokenizer(job.student, grammars)
    if found.note:
        job.note(found.note)
    return found.tokenizer, found.kept


def train_grpo(problems: Sequence[Problem], spec: GrpoSpec, job: TrainingJob) -> RunRecord:
    """Let the student solve problems, train it on its own chains and return the record of the run.

    The reference, where `spec.beta` needs one, is the policy at the start.

    Raises:
        TrainingError: there are fewer problems than a step takes, a prompt does not fit the token
            limit, the chat template is not prefix-preserving, the loss is not finite, or there are
            several processes.
        ModelError: the `tools` grammar, and a chat template that knows no tools.
        ArtifactError: the folder to write holds something else, or cannot be written.
    """
    if processes.count() > 1 or sharding.kind():
        raise TrainingError("grpo trains in one process; start it without accelerate launch")
    named = {problem_id(problem): problem for problem in problems}
    if len(named) < spec.problems:
        raise TrainingError(
            f"a step takes {spec.problems} problems and there are {len(named)}; give more or set "
            "batch lower"
        )
    tokenizer, template = _tokenizer(job, (spec.prompt.grammar,))
    order = drawing_order(tuple(named), spec)
    _check_prompts(tokenizer, [named[one] for one in dict.fromkeys(order)], spec, job)
    _refuse_other_folder(job.out)
    from fcpref.shell.grpo_trainer import Rollouts
    from fcpref.shell.trl_trainers import run_grpo

    model = to_train(job.student, spec)
    rollouts = Rollouts(named, tokenizer, job.student.name, spec)
    result, logged = run_grpo(model, tokenizer, order, rollouts, spec, job.on_step, job.checkpoints)
    counts: dict[str, Any] = {
        name: round(sum(one.get(name, 0.0) for one in logged))
        for name in ("tokens", "trained_tokens", "left_out")
    }
    record = _finish(model, job, spec, [], 0, result, template, None)
    return evolve(record, kind="grpo", rows=len({*order}), **counts)


def _check_prompts(
    tokenizer: Any,  # noqa: ANN401
    problems: Sequence[Problem],
    spec: GrpoSpec,
    job: TrainingJob,
) -> None:
    """Refuse prompts that leave no room for a reply."""
    prompt = spec.prompt
    for problem in problems:
        task = find_task(problem.task)
        state = begin(
            task.toolbox.without(prompt.without), problem, (), spec.limits, prompt.grammar
        )
        chain = finish(state, "", 0)
        encoded = encode_row(tokenizer, job.student.name, problem, chain, prompt, ())
        if len(encoded.prompt) >= spec.max_tokens:
            raise TrainingError(
                f"the prompt of problem {short(chain.problem)} has {len(encoded.prompt)} tokens "
                f"and max_tokens is {spec.max_tokens}; raise max_tokens"
            )


def _guard(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    job: TrainingJob,
    spec: SftSpec | DpoSpec,
) -> ProbeGuard | None:
    if job.probing is None:
        return None
    from fcpref.shell.probe_guard import ProbeGuard

    return ProbeGuard(job.probing, spec, model, tokenizer, job.student)


def _finish(
    model: Any,  # noqa: ANN401
    job: TrainingJob,
    spec: SftSpec | DpoSpec | GrpoSpec,
    rows: Sequence[Sequence[Encoded]],
    given: int,
    result: tuple[Mapping[str, tuple[float, float]], int, str],
    template: str,
    guard: ProbeGuard | None,
) -> RunRecord:
    metrics, steps, stopped = result
    full = spec.method == "full"
    named = {
        name: parameter
        for name, parameter in model.named_parameters()
        if full or ("lora_" in name and ".default" in name)
    }
    weights, finite = {}, True
    for each, weight in sharding.whole(named):
        finite = finite and bool(weight.isfinite().all())
        if processes.is_first():
            weights[each] = weight.cpu() if sharding.kind() or not full else weight
    if not finite:
        message = f"the trained weights are not finite after {steps} steps; lower learning_rate"
        raise TrainingError(message)
    name = ModelName.parse(job.student.name)
    base = name.base or name
    # Before saving: the new adapter may take the place of the one that it started from.
    start = file_hash(job.student.adapter / WEIGHTS) if job.student.adapter else ""
    digest = ""
    if processes.is_first() and full:
        trained = filled(job.student, weights) if sharding.kind() else model
        digest = save_whole(trained, job.student, job.out, template)
    elif processes.is_first():
        digest = save_adapter(model, weights, job.out, str(base), template)
    flat = [item for row in rows for item in row]
    return RunRecord(
        kind="sft" if isinstance(spec, SftSpec) else "dpo",
        base=str(public_base(name)),
        student_revision=job.student.revision,
        start=start,
        data=job.data,
        spec=unstructure(spec),
        rows=len(rows),
        left_out=given - len(rows),
        tokens=sum(item.length for item in flat),
        trained_tokens=sum(sum(item.mask) for item in flat),
        steps=steps,
        metrics=dict(metrics),
        adapter=digest,
        stopped=stopped or (guard.stopped if guard else ""),
        probes=tuple(guard.probes) if guard else (),
        kept=guard.kept if guard else None,
    )


def _refuse_other_folder(out: Path) -> None:
    """Saving replaces the folder, so it must be new, empty, an adapter's or a trained model's."""
    if is_free(out):
        return
    if (out / CONFIG).is_file() or is_whole(out):
        return
    message = f"{out}: exists and is no adapter folder; remove it or choose another --name"
    raise ArtifactError(message)
