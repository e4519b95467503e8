"""Engine `transformers`: a local model, many chains at once, no chat encoded twice.

What all prompts begin with is encoded once; each chain then keeps its keys and values to its end,
and its slot goes to the next chain in the queue. Where a template rewrites earlier turns a chain
starts afresh at each step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcpref.core.canon import content_id, short
from fcpref.core.chains import Reply
from fcpref.errors import ModelError
from fcpref.shell.engines.memory import plan_memory
from fcpref.shell.engines.passes import encode_prefix, slot_attention
from fcpref.shell.engines.schedule import Schedule
from fcpref.shell.engines.slots import require_slots
from fcpref.shell.engines.turns import Turns
from fcpref.shell.templates import require_tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fcpref.shell.engines.base import OnReplies, OnReply, OnTokens, Request, Sampling
    from fcpref.shell.engines.rows import Opening

_FEW = 32


class TransformersEngine:
    """Generates with a causal language model in this process."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers ships no useful types
        tokenizer: Any,  # noqa: ANN401
        *,
        name: str,
        revision: str,
        sampling: Sampling,
        rows: int = 0,
        on_tokens: OnTokens | None = None,
    ) -> None:
        """Keep the model.

        Args:
            model: a causal LM in evaluation mode.
            tokenizer: its tokenizer, with a chat template.
            name: the model's name, for records.
            revision: the model's content hash or commit.
            sampling: how replies are drawn.
            rows: chains at once; 0 plans it from the free memory.
            on_tokens: is told which tokens were sampled.

        Raises:
            ModelError: the tokenizer has no chat template, or the model attends to more than keys
                and values of earlier tokens.
        """
        dtype = str(model.dtype).removeprefix("torch.")
        self._identity = identity_of(tokenizer, name, revision, sampling, dtype)
        require_slots(model, name)
        self._model = model
        self._tokenizer = tokenizer
        self._turns = Turns(model, tokenizer)
        self._sampling = sampling
        self._rows = rows
        self._on_tokens = on_tokens

    @property
    def identity(self) -> Mapping[str, str]:
        """See `Engine.identity`."""
        return self._identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`.

        Raises:
            ModelError: the requests have tools, and the chat template does not show them; a prompt
                is longer than the model's context; a chain does not fit in memory.
        """
        self.answer(requests, lambda replies: [on_reply(*one) for one in replies])

    def answer(self, requests: Sequence[Request], on_replies: OnReplies) -> None:
        """Do as `run`, but hand over together what came in one pass of the model."""
        import torch

        require_template(self._tokenizer, requests, self._identity["model"])
        openings = [self._opening(request) for request in requests]
        for _, _, ids in openings:
            if not self._fits(ids):
                raise ModelError(
                    f"{self._identity['model']}: a prompt has {len(ids)} tokens and a reply"
                    f" {self._sampling.reply_tokens}, its context {self._context()}; show fewer"
                    " examples or ask for shorter replies"
                )
        with torch.inference_mode():
            while openings:
                following = [
                    request
                    for group in _grouped(openings)
                    for request in self._together(group, on_replies)
                ]
                openings = list(self._fitting(following, on_replies))

    def _opening(self, request: Request) -> Opening:
        text = self._turns.render(request)
        return request, text, self._turns.encode(text)

    def _fitting(self, requests: Sequence[Request], on_replies: OnReplies) -> Iterator[Opening]:
        """Yield what can be answered; the rest is answered with nothing until its limits end it."""
        for first in requests:
            request: Request | None = first
            while request is not None:
                opening = self._opening(request)
                if self._fits(opening[2]):
                    yield opening
                    break
                (request,) = on_replies([(request, Reply(text=""))])

    def _context(self) -> int | None:
        return getattr(self._model.config, "max_position_embeddings", None)

    def _fits(self, ids: Sequence[int]) -> bool:
        context = self._context()
        return context is None or len(ids) + self._sampling.reply_tokens <= context

    def _together(self, openings: Sequence[Opening], on_replies: OnReplies) -> list[Request]:
        """Run chains to their end; return follow-ups that begin otherwise."""
        prompts = [ids for _, _, ids in openings]
        shared = prompts[0][: _shared_length(prompts)]
        longest = max(len(ids) for ids in prompts) - len(shared)
        prefix = encode_prefix(self._model, shared)
        rows = self._rows
        shape = plan_memory(self._model, longest=longest, prefix=len(shared), rows=rows)
        with slot_attention(self._model):
            schedule = Schedule(
                self._model, self._turns, self._sampling, shape, shared, prefix, self._on_tokens
            )
            return schedule.run(openings, on_replies)


def identity_of(
    tokenizer: Any,  # noqa: ANN401
    name: str,
    revision: str,
    sampling: Sampling,
    dtype: str,
) -> dict[str, str]:
    """Return what replies of a local model depend on; see `Engine.identity`.

    Raises:
        ModelError: the tokenizer has no chat template.
    """
    if not tokenizer.chat_template:
        message = f"{name}: its tokenizer has no chat template; use an instruction-tuned model"
        raise ModelError(message)
    return {
        "engine": "transformers",
        "model": name,
        "revision": revision,
        "dtype": dtype,
        "template": short(content_id(tokenizer.chat_template)),
        "sampling": f"temperature {sampling.temperature:g}, top_p {sampling.top_p:g}, "
        f"reply_tokens {sampling.reply_tokens}, seed {sampling.seed}",
    }


def require_template(tokenizer: Any, requests: Sequence[Request], name: str) -> None:  # noqa: ANN401
    """Make sure that a template shows the functions of all requests.

    Raises:
        ModelError: it does not.
    """
    shown: list[object] = []
    for tools in (request.tools for request in requests):
        if tools not in shown:
            shown.append(tools)
            require_tools(tokenizer, tools, name)


def _grouped(openings: Sequence[Opening]) -> list[list[Opening]]:
    """Put chats together that differ in the last message only; what is left over goes together.

    The more a group has in common, the less is encoded for each chain; but a group of few leaves
    most of the hardware idle, as where each problem has worked examples of its own.
    """
    groups: dict[tuple[object, str], list[Opening]] = {}
    for opening in openings:
        request = opening[0]
        key = (request.messages[:-1], content_id(list(request.tools)))
        groups.setdefault(key, []).append(opening)
    large: list[list[Opening]] = []
    small: dict[str, list[Opening]] = {}
    for (_, tools), group in groups.items():
        if len(group) < _FEW:
            small.setdefault(tools, []).extend(group)
        else:
            large.append(group)
    return [*large, *small.values()]


def _shared_length(prompts: Sequence[list[int]]) -> int:
    """Return how many tokens all prompts begin with; at least one is left to each."""
    first, last = min(prompts), max(prompts)
    limit = min(len(prompt) for prompt in prompts) - 1
    for index in range(limit):
        if first[index] != last[index]:
            return index
    return limit
