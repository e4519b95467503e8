"""Trains the student with TRL and PEFT: supervised first, then by preference.

Rows are tokenised here, not by TRL, so that exactly the model's own calls carry loss (TRL's DPO
collator would train on function results). Output is a PEFT adapter in bf16, or a whole model, and a
RunRecord.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import warnings
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
from fcpref.shell import processes
from fcpref.shell.checkpoints import Checkpoints
from fcpref.shell.models import (
    TEMPLATE,
    ModelName,
    ResolvedModel,
    load_model,
    public_base,
)
from fcpref.shell.probing import Probing
from fcpref.shell.store import file_hash
from fcpref.shell.tokens import encode_row
from fcpref.shell.training_templates import grammars_of, training_tokenizer
from fcpref.shell.whole_models import is_whole, save_whole, whole_model

if TYPE_CHECKING:
    from fcpref.core.chains import Chain, Encoded, PromptSpec
    from fcpref.core.functions import Grammar
    from fcpref.core.pairs import PreferencePair
    from fcpref.shell.probe_guard import ProbeGuard

OnStep = Callable[[int, int, Mapping[str, float]], None]
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_MAGNITUDE = "lora_magnitude_vector"


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
    encoded = [
        _encoded(tokenizer, job, chain, spec.prompt, trained_replies(chain, failed=False))
        for chain in chains
    ]
    kept = [item for item in encoded if not left_out((item,), spec.max_tokens)]
    if not kept:
        message = f"no chain fits {spec.max_tokens} tokens; raise max_tokens or give other chains"
        raise TrainingError(message)
    _refuse_other_folder(job.out)
    from fcpref.shell.trl_trainers import run_sft

    model = _adapted(job.student, spec)
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
    encoded = []
    for pair in pairs:
        both = (pair.chosen, pair.rejected)
        encoded.append(
            [
                _encoded(tokenizer, job, chain, spec.prompt, judged)
                for chain, judged in zip(both, judged_replies(pair), strict=True)
            ]
        )
    kept = [both for both in encoded if not left_out(both, spec.max_tokens)]
    if not kept:
        message = f"no pair fits {spec.max_tokens} tokens; raise max_tokens or give other pairs"
        raise TrainingError(message)
    _refuse_other_folder(job.out)
    from fcpref.shell.trl_trainers import run_dpo

    model = _adapted(job.student, spec)
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
            several processes or GPUs.
        ModelError: the `tools` grammar, and a chat template that knows no tools.
        ArtifactError: the folder to write holds something else, or cannot be written.
    """
    import torch

    if processes.count() > 1:
        raise TrainingError("grpo trains in one process; start it without accelerate launch")
    if torch.cuda.device_count() > 1:
        raise TrainingError(
            "grpo trains on one GPU and several are visible; set CUDA_VISIBLE_DEVICES=0"
        )
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

    model = _adapted(job.student, spec)
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
        encoded = _encoded(tokenizer, job, chain, prompt, ())
        if len(encoded.prompt) >= spec.max_tokens:
            raise TrainingError(
                f"the prompt of problem {short(chain.problem)} has {len(encoded.prompt)} tokens "
                f"and max_tokens is {spec.max_tokens}; raise max_tokens"
            )


def _encoded(
    tokenizer: Any,  # noqa: ANN401
    job: TrainingJob,
    chain: Chain,
    prompt: PromptSpec,
    trained: Sequence[bool],
) -> Encoded:
    problem = job.problems.get(chain.problem)
    if problem is None:
        message = f"problem {short(chain.problem)} is not among those given; give its artifact too"
        raise TrainingError(message)
    return encode_row(tokenizer, job.student.name, problem, chain, prompt, trained)


def _adapted(student: ResolvedModel, spec: SftSpec | DpoSpec | GrpoSpec) -> Any:  # noqa: ANN401
    """Load the student for training: all of it, its own adapter, or a fresh one on the base."""
    import torch
    from peft import LoraConfig, get_peft_model

    processes.take_device()
    lora = spec.lora
    torch.manual_seed(spec.seed)
    if spec.method == "full":
        return whole_model(student)
    quantised = lora.quantised == "nf4"
    model = load_model(student, dtype=spec.dtype, trainable=True, quantised=quantised)
    if student.adapter is not None:
        return _frozen_below(model, lora.first_layer)
    layers = model.config.num_hidden_layers
    if lora.first_layer >= layers:
        message = f"first_layer {lora.first_layer} is beyond the model's {layers} layers"
        raise TrainingError(message)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,
        use_rslora=lora.rank_stabilised,
        use_dora=lora.dora,
        target_modules=_linear_layers(model),
        layers_to_transform=list(range(lora.first_layer, layers)),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT asks transformers by a name that is going away
        return get_peft_model(model, config)


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


def _frozen_below(model: Any, first_layer: int) -> Any:  # noqa: ANN401
    """Leave an adapter's lower layers as they are, so that a backward pass ends above them."""
    for name, parameter in model.named_parameters():
        found = re.search(r"\.layers\.(\d+)\.", name)
        if found and int(found[1]) < first_layer:
            parameter.requires_grad = False
    return model


def _linear_layers(model: Any) -> list[str]:  # noqa: ANN401
    """Return the names of all linear layers but the output head (PEFT's "all-linear", by name)."""
    from torch.nn import Linear

    head = model.get_output_embeddings()
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, Linear) and module is not head
    }
    return sorted(found)


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
    weights = {
        name: parameter.detach()
        for name, parameter in model.named_parameters()
        if full or ("lora_" in name and ".default" in name)
    }
    if not all(weight.isfinite().all() for weight in weights.values()):
        message = f"the trained weights are not finite after {steps} steps; lower learning_rate"
        raise TrainingError(message)
    name = ModelName.parse(job.student.name)
    base = name.base or name
    # Before saving: the new adapter may take the place of the one that it started from.
    start = file_hash(job.student.adapter / WEIGHTS) if job.student.adapter else ""
    digest = ""
    if processes.is_first() and full:
        digest = save_whole(model, job.student, job.out, template)
    elif processes.is_first():
        own = {name: weight.cpu() for name, weight in weights.items()}
        digest = _save(model, own, job, str(base), template)
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
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if (out / CONFIG).is_file() or is_whole(out):
        return
    message = f"{out}: exists and is no adapter folder; remove it or choose another --out"
    raise ArtifactError(message)


def _save(
    model: Any,  # noqa: ANN401
    weights: Mapping[str, Any],
    job: TrainingJob,
    base: str,
    template: str,
) -> str:
    """Write the adapter in bf16, whole or not at all, and return the hash of its weights.

    DoRA's magnitudes stay in float32: rounding would take away most of what they have learnt.
    """
    import torch

    published = ModelName.parse(base).published
    try:
        job.out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=job.out.parent, prefix=".writing-"))
        try:
            config = model.peft_config["default"]
            config.base_model_name_or_path = published or base
            # A set is written in the order of this process's hashes, and the file is hashed.
            if isinstance(config.target_modules, set):
                config.target_modules = sorted(config.target_modules)
            model.save_pretrained(
                temporary,
                selected_adapters=["default"],
                save_embedding_layers=False,
                state_dict={
                    name: one if _MAGNITUDE in name else one.to(torch.bfloat16)
                    for name, one in weights.items()
                },
            )
            (temporary / "fcpref.json").write_text(json.dumps({"base": base}, indent=1) + "\n")
            if template:
                (temporary / TEMPLATE).write_text(template, encoding="utf-8")
            (temporary / "README.md").unlink(missing_ok=True)
            temporary.chmod(0o755)
            shutil.rmtree(job.out, ignore_errors=True)
            temporary.replace(job.out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        message = (
            f"{job.out}: the adapter cannot be written ({error.strerror or error}); free space "
            "and run again"
        )
        raise ArtifactError(message) from None
    return file_hash(job.out / WEIGHTS)
