"""The transformers engine against a loop that encodes the whole chat again at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.quick import Row, seconds
from fcpref.core.chains import Chain, Limits, PromptSpec, Reply, chat_rows
from fcpref.core.tasks import find_task
from fcpref.shell.engines.base import OnReply, Request, Sampling
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.engines.turns import Turns
from fcpref.shell.models import ModelName, load_model, load_tokenizer, resolve
from fcpref.shell.sampling import SamplePlan, sample_chains

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BATCH = 64


@frozen(kw_only=True)
class Setting:
    """What both sample: greedy chains of one task.

    Attributes:
        task: the task's name.
        problems: how many, of the dev split.
        prompt: how they are shown.
        limits: of a chain.
        dtype: of the model.
    """

    task: str = "fol.deduction"
    problems: int = 64
    prompt: PromptSpec
    limits: Limits = Limits(tokens=400, reply_tokens=64)
    dtype: str = "float32"


class PlainEngine:
    """`model.generate` over the left-padded batch of whole chats, one call a step."""

    def __init__(self, model: Any, tokenizer: Any) -> None:  # noqa: ANN401
        """Keep the model."""
        self.model, self.tokenizer = model, tokenizer
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
            max_new_tokens=self.limits.reply_tokens,
            eos_token_id=self.stops,
            pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
        )
        for said in out[:, inputs["input_ids"].shape[1] :].tolist():
            end = next((i for i, token in enumerate(said) if token in self.stops), None)
            ids, last = (said, None) if end is None else (said[:end], said[end])
            _, text = self.turns.text(ids, last, tools=False)
            yield Reply(text=text, tokens=len(ids) + (last is not None))

    limits = Limits()


def run(name: str, setting: Setting) -> Row:
    """Measure both on the same problems, greedily."""
    resolved = resolve(ModelName.parse(name), print)
    model: Any = load_model(resolved, dtype=setting.dtype)
    if resolved.adapter is not None:
        model = model.merge_and_unload()
    model.eval()
    tokenizer = load_tokenizer(resolved)
    task = find_task(setting.task)
    assert task.generate is not None
    problems = [task.generate({}, 3, "dev", index) for index in range(setting.problems)]
    plan = SamplePlan(prompt=setting.prompt, limits=setting.limits)
    sampling = Sampling(reply_tokens=setting.limits.reply_tokens)
    engine = TransformersEngine(model, tokenizer, name=name, revision="", sampling=sampling)
    plain = PlainEngine(model, tokenizer)
    plain.limits = setting.limits
    # Both load their kernels before the clock starts.
    for one in (engine, plain):
        sample_chains(problems[:2], one, SamplePlan(prompt=setting.prompt, limits=Limits(calls=1)))
    made: dict[str, tuple[Chain, ...]] = {}

    def sample(label: str, one: Any) -> None:  # noqa: ANN401
        made[label] = sample_chains(problems, one, plan)

    ours = seconds(lambda: sample("ours", engine))
    theirs = seconds(lambda: sample("plain", plain))
    pairs = list(zip(made["ours"], made["plain"], strict=True))
    same = sum([t.reply for t in a.turns] == [t.reply for t in b.turns] for a, b in pairs)
    count = len(problems)
    figure = f"{count / ours:.2f} chains/s"
    peer = f"model.generate at each step {count / theirs:.2f} chains/s; same replies in {same} of {count}"
    turns = sum(len(chain.turns) for chain in made["ours"])
    tokens = sum(turn.tokens for chain in made["ours"] for turn in chain.turns)
    print(f"{turns} replies, {tokens} tokens; {ours:.1f} s and {theirs:.1f} s")
    return f"sample {count} chains, {setting.dtype}", figure, peer, theirs / ours
