"""Engine `transformers`: a local model, many chains at once, the chat encoded only once.

All chains of a wave advance one token a forward pass. A chain that waits for nothing is sampled; a
chain that was just told a result is fed that result's tokens, one a pass. So every chain keeps its
key-value cache from its first token to its last, all caches stay equally long, and no chat is ever
encoded again. The prompt's shared beginning is encoded once, and equal prompts once each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field

from fcpref.core.canon import content_id, short
from fcpref.core.chains import Reply
from fcpref.core.functions.tool_calls import CLOSING, MARKS, OPENING
from fcpref.core.seeds import derive
from fcpref.errors import ModelError
from fcpref.shell.engines.base import OnReply, Request, Sampling
from fcpref.shell.engines.prefill import prefill
from fcpref.shell.templates import render_chat, require_tools

if TYPE_CHECKING:
    from random import Random  # noqa: TC004 - the rows are never structured

    import torch

OnToken = Callable[[int], None]
_CPU_ROWS = 120


@define
class _Row:
    """One chain under way."""

    request: Request
    text: str
    waiting: deque[int]
    noise: Random
    generated: list[int] = field(factory=list)
    done: bool = False


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
        on_token: OnToken = lambda _: None,
    ) -> None:
        """Keep the model.

        Args:
            model: a causal LM in evaluation mode.
            tokenizer: its tokenizer, with a chat template.
            name: the model's name, for records.
            revision: the model's content hash or commit.
            sampling: how replies are drawn.
            rows: chains at once; 0 plans it from the free memory.
            on_token: told after each pass how many tokens were generated in it.

        Raises:
            ModelError: the tokenizer has no chat template.
        """
        if not tokenizer.chat_template:
            message = f"{name}: its tokenizer has no chat template; use an instruction-tuned model"
            raise ModelError(message)
        self._model = model
        self._tokenizer = tokenizer
        self._sampling = sampling
        self._rows = rows
        self._on_token = on_token
        self._stops = _stop_tokens(model, tokenizer)
        self._newlines = _newline_tokens(tokenizer)
        known = tokenizer.get_vocab()
        self._call_marks = {known[mark] for mark in (OPENING, CLOSING, *MARKS) if mark in known}
        self._identity = {
            "engine": "transformers",
            "model": name,
            "revision": revision,
            "template": short(content_id(tokenizer.chat_template)),
            "sampling": f"temperature {sampling.temperature:g}, top_p {sampling.top_p:g}, "
            f"reply_tokens {sampling.reply_tokens}, seed {sampling.seed}",
        }

    @property
    def identity(self) -> Mapping[str, str]:
        """See `Engine.identity`."""
        return self._identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`.

        Raises:
            ModelError: the requests have tools, and the chat template does not show them.
        """
        import torch

        shown: list[object] = []
        for tools in (request.tools for request in requests):
            if tools not in shown:
                shown.append(tools)
                require_tools(self._tokenizer, tools, self._identity["model"])
        queue = deque(requests)
        with torch.inference_mode():
            while queue:
                texts = [self._render(request) for request in queue]
                rows = self._rows or self._plan(texts)
                wave = [queue.popleft() for _ in range(min(rows, len(queue)))]
                queue.extend(self._wave(wave, on_reply))

    def _render(self, request: Request) -> str:
        return render_chat(self._tokenizer, request.messages, request.tools)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _plan(self, texts: Sequence[str]) -> int:
        """Return how many chains fit: key-value cache of a whole chain against free memory."""
        import torch

        if self._model.device.type != "cuda":
            return _CPU_ROWS
        config = self._model.config
        head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        token_bytes = (
            2
            * self._model.dtype.itemsize
            * config.num_hidden_layers
            * config.num_key_value_heads
            * head
        )
        longest = len(self._encode(max(texts, key=len))) + 900
        free, _ = torch.cuda.mem_get_info()
        # Growing a cache copies it once; attention repeats keys and values per query head.
        groups = config.num_attention_heads / config.num_key_value_heads
        copies = 2.5 + 2 * groups / config.num_hidden_layers
        return max(1, min(512, int(0.8 * free / (token_bytes * longest * copies))))

    def _wave(self, wave: Sequence[Request], on_reply: OnReply) -> list[Request]:
        """Run chains to their end; return requests that need a fresh start."""
        import torch

        restart: list[Request] = []
        prompts = [self._render(request) for request in wave]
        rows = [self._row(request, text) for request, text in zip(wave, prompts, strict=True)]
        state = prefill(self._model, [self._encode(text) for text in prompts])
        while True:
            tokens = self._choose(rows, state.logits)
            generated = 0
            for row, token in zip(rows, tokens, strict=True):
                generated += not row.waiting and not row.done
                self._take(row, token, on_reply, restart)
            self._on_token(generated)
            keep = [index for index, row in enumerate(rows) if not row.done]
            if not keep:
                return restart
            # Dropping rows copies the cache, so wait until a good part of them has ended.
            if len(keep) <= 0.8 * len(rows):
                rows = [rows[index] for index in keep]
                state.keep(keep)
            feed = [row.waiting.popleft() if row.waiting else self._pad for row in rows]
            state.feed(self._model, torch.tensor(feed, device=self._model.device))

    @property
    def _pad(self) -> int:
        return next(iter(self._stops))

    def _row(self, request: Request, text: str) -> _Row:
        noise = derive(self._sampling.seed, request.job, request.step)
        return _Row(request=request, text=text, waiting=deque(), noise=noise)

    def _choose(self, rows: Sequence[_Row], logits: torch.Tensor) -> list[int]:
        if self._sampling.temperature == 0:
            likeliest: list[int] = logits.argmax(-1).tolist()
            return likeliest
        import torch

        # Rows that are being fed a result draw nothing, and take no noise.
        drawing = [index for index, row in enumerate(rows) if not (row.waiting or row.done)]
        chosen = [0] * len(rows)
        if not drawing:
            return chosen
        uniform = [rows[index].noise.random() for index in drawing]
        probabilities = torch.softmax(logits[drawing].float() / self._sampling.temperature, -1)
        u = torch.tensor(uniform, device=logits.device).unsqueeze(-1)
        for index, token in zip(
            drawing, _draw(probabilities, u, self._sampling.top_p), strict=True
        ):
            chosen[index] = token
        return chosen

    def _take(self, row: _Row, token: int, on_reply: OnReply, restart: list[Request]) -> None:
        """Give a row its sampled token; end its reply when that is due."""
        if row.done or row.waiting:
            return
        tools = bool(row.request.tools)
        if tools:
            # JSON may go over several lines, and some vocabularies have special tokens around it.
            ended = token in self._stops and token not in self._call_marks
        else:
            ended = token in self._stops or (token in self._newlines and bool(row.generated))
        if not ended:
            row.generated.append(token)
            row.waiting.append(token)
            if len(row.generated) < self._sampling.reply_tokens:
                return
        cached = self._tokenizer.decode(row.generated, skip_special_tokens=not tools)
        # Some vocabularies have tokens such as ")\n": what stands before the line's end counts.
        text = cached + (self._newlines.get(token, "") if ended else "")
        count = len(row.generated) + ended
        following = on_reply(row.request, Reply(text=text, tokens=count))
        if following is None:
            row.done = True
            return
        rendered = self._render(following)
        if not rendered.startswith(row.text + text):
            # The template rewrites earlier turns, so this chain's cache is of no more use.
            row.done = True
            restart.append(following)
            return
        row.waiting.extend(self._encode(rendered[len(row.text + cached) :]))
        row.request, row.text, row.generated = following, rendered, []
        row.noise = derive(self._sampling.seed, following.job, following.step)


def _draw(probabilities: torch.Tensor, u: torch.Tensor, top_p: float) -> list[int]:
    """Draw one token a row by the inverse of its cumulative distribution.

    Args:
        probabilities: rows x vocabulary.
        u: rows x 1, uniform on [0, 1).
        top_p: the nucleus is the shortest prefix of the sorted tokens that reaches it.
    """
    import torch

    last = probabilities.shape[-1] - 1
    if top_p >= 1:
        # Without a nucleus any order will do, and sorting a vocabulary is slow.
        cumulative = probabilities.cumsum(-1)
        place = torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True)
        drawn: list[int] = place.clamp(max=last).squeeze(-1).tolist()
        return drawn
    ordered, indices = probabilities.sort(-1, descending=True)
    cumulative = ordered.cumsum(-1)
    inside = cumulative - ordered < top_p
    mass = (ordered * inside).sum(-1, keepdim=True)
    place = torch.searchsorted(cumulative, u * mass, right=True).clamp(max=last)
    picked: list[int] = indices.gather(-1, place).squeeze(-1).tolist()
    return picked


def _stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    configured = model.generation_config.eos_token_id
    stops = set(configured if isinstance(configured, list) else [configured])
    known = tokenizer.get_vocab()
    stops |= {known.get("<|im_end|>"), known.get("<|eot_id|>")}
    # A special token is no text: it would vanish from the reply and stay in the cache.
    stops |= {tokenizer.eos_token_id, *tokenizer.all_special_ids}
    return frozenset(token for token in stops if token is not None)


def _newline_tokens(tokenizer: Any) -> dict[int, str]:  # noqa: ANN401
    """Return the tokens that end a line, each with the text that it puts before that."""
    # Byte-level vocabularies write a line feed as U+010A, SentencePiece as <0x0A>.
    found = [
        index
        for piece, index in tokenizer.get_vocab().items()
        if "\u010a" in piece or "\n" in piece or piece == "<0x0A>"
    ]
    return {index: tokenizer.decode([index]).partition("\n")[0].rstrip() for index in found}
