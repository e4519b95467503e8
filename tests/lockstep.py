"""Requests, and a plain loop to hold the lockstep engine against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import Message, Reply, chat_rows, template_rows
from fcpref.shell.engines import transformers
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.memory import Shape
from fcpref.shell.engines.transformers import TransformersEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.shell.engines.base import OnReply


STEPS = 4
PROMPTS = (
    "Olga has 5 albums with 36 cards each.",
    "Hi",
    "Felix works 45 hours for $19 an hour. Felix pays $101 for shoes. How many dollars?",
    "Olga has 5 albums with 36 cards each.",
    "Olga has 5 albums",
    "",
    "What now? " * 12,
)
GREEDY = Sampling(reply_tokens=12)
NOISY = Sampling(temperature=1.0, top_p=0.9, reply_tokens=12, seed=3)
Replies = dict[tuple[str, int], Reply]


def openings(count: int = len(PROMPTS), samples: int = 1) -> list[Request]:
    return [
        Request(
            job=f"problem-{index}/{sample}",
            step=0,
            messages=(
                Message(role="system", content="Add(a, b) Answer(value)"),
                Message(role="user", content=PROMPTS[index]),
            ),
        )
        for index in range(count)
        for sample in range(samples)
    ]


def after(request: Request, text: str) -> Request | None:
    """Answer a reply with a result that depends on it; chains end at different steps."""
    if request.step + 1 >= STEPS - len(request.messages[1].content) % 2:
        return None
    result = f"Error: {text[-3:]} is wrong." if request.step % 2 else str(len(text) * 7)
    turn = (Message(role="assistant", content=text), Message(role="user", content=result))
    return Request(job=request.job, step=request.step + 1, messages=(*request.messages, *turn))


def engine_of(model, tokenizer, sampling: Sampling = GREEDY, rows: int = 0) -> TransformersEngine:
    return TransformersEngine(
        model, tokenizer, name="path:tiny", revision="1", sampling=sampling, rows=rows
    )


def run(engine: TransformersEngine, requests: Sequence[Request]) -> Replies:
    replies: Replies = {}

    def on_reply(request: Request, reply: Reply) -> Request | None:
        assert (request.job, request.step) not in replies
        replies[request.job, request.step] = reply
        return after(request, reply.text)

    engine.run(requests, on_reply)
    return replies


def plain_loop(
    model, tokenizer, requests: Sequence[Request], on_reply: OnReply | None = None
) -> Replies:
    """Encode the whole chat again at each step, one chain at a time."""
    replies: Replies = {}
    stops = sorted(tokenizer.all_special_ids)
    for opening in requests:
        request: Request | None = opening
        while request is not None:
            shown = {"tools": list(request.tools)} if request.tools else {}
            rows = template_rows if request.tools else chat_rows
            inputs = tokenizer.apply_chat_template(
                rows(request.messages),
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
                **shown,
            )
            out = model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=GREEDY.reply_tokens,
                eos_token_id=stops,
                pad_token_id=tokenizer.pad_token_id,
            )
            said = out[0, inputs["input_ids"].shape[1] :].tolist()
            reply = _reply(tokenizer, said, stops, lines=not request.tools)
            replies[request.job, request.step] = reply
            request = on_reply(request, reply) if on_reply else after(request, reply.text)
    return replies


def _reply(tokenizer, ids: list[int], stops: list[int], *, lines: bool) -> Reply:
    """Cut at the end of the turn, or at the end of the line once there is text."""
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"][0]
    for index, token in enumerate(ids):
        if token in stops or (lines and token == newline and index):
            return Reply(text=tokenizer.decode(ids[:index]), tokens=index + 1)
    return Reply(text=tokenizer.decode(ids), tokens=len(ids))


FIXED = {"rows": 3, "length": 128, "tokens": 4_096, "fixed": True, "batch": 2, "chunk": 5}


def shaped(monkeypatch, **changes) -> None:
    """Let every run have slots of this shape."""
    shape = Shape(**{**FIXED, **changes})
    monkeypatch.setattr(transformers, "plan_memory", lambda *_, **__: shape)
