"""The lockstep engine against a loop that encodes the whole chat again at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.quick import Row, paired
from fcpref.core.chains import STUDENT, Limits, Reply
from fcpref.core.tasks import find_task
from fcpref.shell.engines.base import OnReply, Request, Sampling
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.models import ModelName, load_model, load_tokenizer, resolve
from fcpref.shell.sampling import SamplePlan, sample_chains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROBLEMS = 8
LIMITS = Limits(calls=4, failures=4, reply_tokens=16)


class PlainEngine:
    """`model.generate` over the left-padded batch of whole chats, one call a step."""

    def __init__(self, model: Any, tokenizer: Any) -> None:  # noqa: ANN401
        """Keep the model."""
        self.model, self.tokenizer = model, tokenizer
        self.identity: Mapping[str, str] = {"engine": "plain"}

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """Answer all requests of a step at once."""
        tokenizer = self.tokenizer
        tokenizer.padding_side = "left"
        wave = list(requests)
        while wave:
            chats = [[{"role": m.role, "content": m.content} for m in r.messages] for r in wave]
            inputs = tokenizer.apply_chat_template(
                chats,
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
                padding=True,
            ).to(self.model.device)
            out = self.model.generate(
                **inputs, do_sample=False, max_new_tokens=LIMITS.reply_tokens, stop_strings=["\n"],
                tokenizer=tokenizer, pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
            said = out[:, inputs["input_ids"].shape[1] :]
            texts = [
                text.strip() for text in tokenizer.batch_decode(said, skip_special_tokens=True)
            ]
            pairs = zip(wave, texts, strict=True)
            following = [on_reply(r, Reply(text=text, tokens=1)) for r, text in pairs]
            wave = [request for request in following if request is not None]


def run(name: str) -> Row:
    """Measure both on the same problems, greedily."""
    resolved = resolve(ModelName.parse(name), print)
    model, tokenizer = load_model(resolved, dtype="float32").eval(), load_tokenizer(resolved)
    task = find_task("math.word")
    assert task.generate is not None
    problems = [task.generate({}, 3, "test", index) for index in range(PROBLEMS)]
    plan = SamplePlan(prompt=STUDENT, limits=LIMITS)
    sampling = Sampling(reply_tokens=LIMITS.reply_tokens)
    engine = TransformersEngine(model, tokenizer, name=name, revision="", sampling=sampling)
    plain = PlainEngine(model, tokenizer)
    ours, theirs, ratio = paired(
        lambda: sample_chains(problems, engine, plan),
        lambda: sample_chains(problems, plain, plan),
        repeats=1,
    )
    figure, peer = f"{PROBLEMS / ours:.2f} chains/s", f"{PROBLEMS / theirs:.2f} chains/s"
    return "sample 8 chains", figure, f"model.generate at each step {peer}", ratio
