"""The transformers engine against a loop that encodes the whole chat again at each step."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.quick import Row, paired, seconds
from fcpref.core.chains import STUDENT, Chain, Limits, PromptSpec, Reply, chat_rows
from fcpref.core.tasks import find_task
from fcpref.shell.engines.base import OnReply, Request, Sampling
from fcpref.shell.engines.local import load_on
from fcpref.shell.engines.replicas import Replicas, ReplicasEngine
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.engines.turns import Turns
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve
from fcpref.shell.sampling import SamplePlan, sample_chains

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fcpref.core.problems import Problem

BATCH = 64


LIMITS = Limits(tokens=400, reply_tokens=64)


@frozen(kw_only=True)
class Setting:
    """What both sample: greedy chains of one task.

    Attributes:
        task: the task's name.
        problems: how many, of the dev split.
        prompt: how they are shown.
        limits: of a chain.
        dtype: of the model.
        repeats: of both runs, where one is against several devices.
    """

    task: str = "fol.deduction"
    problems: int = BATCH
    prompt: PromptSpec = STUDENT
    limits: Limits = LIMITS
    dtype: str = "auto"
    repeats: int = 2


class PlainEngine:
    """`model.generate` over the left-padded batch of whole chats, one call a step."""

    def __init__(self, model: Any, tokenizer: Any, reply_tokens: int) -> None:  # noqa: ANN401
        """Keep the model, and how many tokens a reply may have."""
        self.model, self.tokenizer, self.reply_tokens = model, tokenizer, reply_tokens
        self.turns = Turns(model, tokenizer)
        vocabulary = range(len(tokenizer))
        self.stops = [t for t in vocabulary if self.turns.ends(t, begun=True, tools=False)]
        self.identity: Mapping[str, str] = {"engine": "plain"}

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """Answer all requests of a step at once, a batch of chains after the other."""
        for at in range(0, len(requests), BATCH):
            wave = list(requests[at : at + BATCH])
            while wave:
                pairs = zip(wave, self._replies(wave), strict=True)
                following = [on_reply(request, reply) for request, reply in pairs]
                wave = [request for request in following if request is not None]

    def _replies(self, wave: Sequence[Request]) -> Iterator[Reply]:
        tokenizer = self.tokenizer
        tokenizer.padding_side = "left"
        inputs = tokenizer.apply_chat_template(
            [chat_rows(request.messages) for request in wave],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
            padding=True,
        ).to(self.model.device)
        out = self.model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=self.reply_tokens,
            eos_token_id=self.stops,
            pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
        )
        for said in out[:, inputs["input_ids"].shape[1] :].tolist():
            end = next((i for i, token in enumerate(said) if token in self.stops), None)
            ids, last = (said, None) if end is None else (said[:end], said[end])
            _, text = self.turns.text(ids, last, tools=False)
            yield Reply(text=text, tokens=len(ids) + (last is not None))


def sampling(name: str, setting: Setting) -> Row:
    """Sample the same problems both ways, greedily.

    Args:
        name: the model's; an adapter is merged.
        setting: what is sampled.
    """
    resolved = resolve(ModelName.parse(name), print)
    model, tokenizer = load_on(resolved, setting.dtype, "auto")
    problems = _problems(setting)
    plan = SamplePlan(prompt=setting.prompt, limits=setting.limits)
    greedy = Sampling(reply_tokens=setting.limits.reply_tokens)
    engine = TransformersEngine(model, tokenizer, name=name, revision="", sampling=greedy)
    plain = PlainEngine(model, tokenizer, setting.limits.reply_tokens)
    # Both load their kernels before the clock starts.
    brief = SamplePlan(prompt=setting.prompt, limits=Limits(calls=1, reply_tokens=8))
    for one in (engine, plain):
        sample_chains(problems[:2], one, brief)
    made: list[tuple[Chain, ...]] = []
    ours = seconds(lambda: made.append(sample_chains(problems, engine, plan)))
    theirs = seconds(lambda: made.append(sample_chains(problems, plain, plan)))
    same = sum(_replies(a) == _replies(b) for a, b in zip(*made, strict=True))
    count = len(problems)
    figure = f"{count / ours:.2f} chains/s"
    peer = f"model.generate {count / theirs:.2f} chains/s, same replies in {same} of {count}"
    shown = f"sample {count} chains, {setting.prompt.shots} examples, {model.dtype}"
    return shown.replace("torch.", ""), figure, peer, theirs / ours


def several(name: str, setting: Setting, devices: Sequence[str]) -> Row:
    """Sample the same problems on several devices and on the first of them.

    Args:
        name: the model's; an adapter is merged.
        setting: what is sampled, greedily.
        devices: such as ``cuda:0``, one a process.
    """
    resolved = resolve(ModelName.parse(name), print)
    load = partial(load_on, resolved, setting.dtype)
    model, tokenizer = load(devices[0])
    problems = _problems(setting)
    plan = SamplePlan(prompt=setting.prompt, limits=setting.limits)
    greedy = Sampling(reply_tokens=setting.limits.reply_tokens)
    one = TransformersEngine(model, tokenizer, name=name, revision="", sampling=greedy)
    dtype = str(model.dtype).removeprefix("torch.")
    every = ReplicasEngine(
        Replicas(load, devices), tokenizer, name=name, revision="", sampling=greedy, dtype=dtype
    )
    # The processes start and load before the clock does.
    for engine in (one, every):
        sample_chains(problems[: len(devices)], engine, plan)
    made: list[tuple[Chain, ...]] = []
    ours, alone, ratio = paired(
        lambda: made.append(sample_chains(problems, every, plan)),
        lambda: made.append(sample_chains(problems, one, plan)),
        repeats=setting.repeats,
    )
    same = sum(_replies(a) == _replies(b) for a, b in zip(*made[:2], strict=True))
    count = len(problems)
    figure = f"{count / ours:.2f} chains/s"
    peer = f"{devices[0]} {count / alone:.2f} chains/s, same replies in {same} of {count}"
    return f"sample {count} chains, {len(devices)} devices, {dtype}", figure, peer, ratio


def _problems(setting: Setting) -> list[Problem]:
    generate = find_task(setting.task).generate
    assert generate is not None
    return [generate({}, 3, "dev", index) for index in range(setting.problems)]


def _replies(chain: Chain) -> list[str]:
    return [turn.reply for turn in chain.turns]
