"""Which chain is fed what, pass by pass.

Each chain keeps its slot from its first token to its last. A pass either gives every chain that is
in the middle of a reply its next token, or feeds prompts and results to those that wait for one,
many tokens at once. A chain that ends leaves its slot to the next one in the queue.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from fcpref.core.chains import Reply, Spoken
from fcpref.core.seeds import derive
from fcpref.shell.engines.drawing import choose
from fcpref.shell.engines.passes import Passes
from fcpref.shell.engines.rows import Row, fed_together
from fcpref.shell.engines.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch
    from transformers import Cache

    from fcpref.shell.engines.base import OnReplies, OnTokens, Request, Sampling
    from fcpref.shell.engines.memory import Shape
    from fcpref.shell.engines.rows import Opening
    from fcpref.shell.engines.turns import Turns

# A pass that feeds results pays when so many of the chains wait for one.
_WAITING = 8
_ENDLESS = 1 << 40


class Schedule:
    """Chains that begin with the same tokens, from their first request to their last reply."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers is partly typed
        turns: Turns,
        sampling: Sampling,
        shape: Shape,
        shared: Sequence[int],
        prefix: Cache | None,
        on_tokens: OnTokens | None = None,
    ) -> None:
        """Keep what all chains have in common.

        Args:
            model: a causal LM that attends to slots.
            turns: its tokenizer.
            sampling: how replies are drawn.
            shape: of the slots.
            shared: the tokens that all chains begin with.
            prefix: their keys and values.
            on_tokens: see `TransformersEngine`.
        """
        self._on_tokens = on_tokens
        self._model, self._turns, self._sampling = model, turns, sampling
        self._shape, self._shared, self._prefix = shape, list(shared), prefix
        context = getattr(model.config, "max_position_embeddings", None)
        self._room = (context or _ENDLESS) - len(self._shared)
        self._queue: deque[Row] = deque()
        self._rows: list[Row] = []
        self._ended: list[tuple[Row, int | None]] = []
        self._elsewhere: list[Request] = []
        self._passes: Passes | None = None

    def run(self, openings: Iterable[Opening], on_replies: OnReplies) -> list[Request]:
        """Answer requests and what follows them.

        Args:
            openings: the requests.
            on_replies: is given what has ended since the last pass.

        Returns:
            Follow-ups whose chats begin with other tokens than these.
        """
        import torch

        rows = [self._row(*opening) for opening in openings]
        # Long ones first: the slots are long enough from the start, and no straggler comes last.
        self._queue.extend(sorted(rows, key=lambda row: (-len(row.seen), row.seen)))
        while self._queue or self._rows:
            out_of_memory = False
            try:
                self._cycle(on_replies)
            except torch.OutOfMemoryError:
                out_of_memory = True
            if out_of_memory:  # outside of the handler, which holds on to the failed pass
                self._restart(self._shape.fewer(), on_replies)
        return self._elsewhere

    def _row(self, request: Request, text: str, ids: Sequence[int]) -> Row:
        noise = derive(self._sampling.seed, request.job, request.step)
        seen = list(ids[len(self._shared) :])
        return Row(request=request, text=text, seen=seen, noise=noise, feed=list(seen))

    def _cycle(self, on_replies: OnReplies) -> None:
        self._admit()
        if self._grown(on_replies):
            return
        ready = [row for row in self._rows if row.ready is not None]
        waiting = [row for row in self._rows if row.feed]
        if waiting and (not ready or len(waiting) * _WAITING >= len(self._rows)):
            logits, drawing = self._extend(waiting)
        elif ready:
            logits, drawing = self._decode(ready)
        else:
            self._settle(on_replies)
            return
        # On a GPU the pass is only launched by now: calls are executed while it runs.
        self._settle(on_replies)
        self._draw(logits, drawing)

    def _admit(self) -> None:
        """Give free slots to the first chains in the queue."""
        if self._passes is None:
            shape = self._shape
            slots = Slots(self._model, self._prefix, slots=shape.rows, length=shape.length)
            self._passes = Passes(self._model, slots)
        if not self._queue or len(self._rows) >= self._shape.rows:
            return
        taken = {row.slot for row in self._rows}
        fresh = {tuple(row.feed): row for row in self._rows if row.feed and not row.column}
        for slot in range(self._shape.rows):
            if slot in taken:
                continue
            if not self._queue:
                return
            row = self._queue.popleft()
            row.slot = slot
            self._rows.append(row)
            first = fresh.setdefault(tuple(row.feed), row)
            if first is not row:
                first.twins.append(row)
                row.feed = []

    def _grown(self, on_replies: OnReplies) -> bool:
        """Make the slots longer where a chain needs that; tell whether all had to start again."""
        needed = max(row.column + len(row.feed) + 1 for row in self._rows)
        if needed <= self._shape.length:
            return False
        longer = self._shape.longer(needed)
        if longer.rows < self._shape.rows:
            self._restart(longer, on_replies)
            return True
        self._shape = longer
        passes = self._sure_passes()
        passes.forget()
        passes.slots.grow(longer.length)
        return False

    def _restart(self, shape: Shape, on_replies: OnReplies) -> None:
        """Put all chains back into the queue, to be fed from their beginning into other slots."""
        # Replies that have ended need no slot; what follows them does.
        self._settle(on_replies)
        for row in reversed(self._rows):
            self._queue.appendleft(self._row(row.request, row.text, self._shared + row.seen))
        self._rows, self._shape, self._passes = [], shape, None
        _free_memory()

    def _extend(self, waiting: list[Row]) -> tuple[torch.Tensor, list[tuple[int, Row]]]:
        """Feed chains several tokens each; return logits, and which rows of them are to be used."""
        shape, passes = self._shape, self._sure_passes()
        some, width = fed_together(waiting, shape)
        height = shape.batch if shape.fixed else len(some)
        ids = [[self._turns.pad] * width for _ in range(height)]
        columns = [[-1] * width for _ in range(height)]
        slots = [row.slot for row in some] + [shape.rows] * (height - len(some))
        drawing = []
        for index, row in enumerate(some):
            chunk, row.feed = row.feed[:width], row.feed[width:]
            ids[index][width - len(chunk) :] = chunk
            columns[index][width - len(chunk) :] = range(row.column, row.column + len(chunk))
            row.column += len(chunk)
        logits = passes.run(ids, columns, slots)
        for index, row in enumerate(some):
            if row.feed:
                continue
            for twin in row.twins:
                passes.slots.move(row.slot, twin.slot, row.column)
                twin.column = row.column
            drawing += [(index, one) for one in (row, *row.twins)]
            row.twins = []
        return logits, drawing

    def _decode(self, ready: list[Row]) -> tuple[torch.Tensor, list[tuple[int, Row]]]:
        """Feed each chain the token that it said; see `_extend`."""
        passes = self._sure_passes()
        count = self._shape.rows if self._shape.fixed else self._compact()
        ids, columns = [[self._turns.pad]] * count, [[-1]] * count
        for row in ready:
            assert row.ready is not None  # noqa: S101 - for the type checker
            ids[row.slot], columns[row.slot] = [row.ready], [row.column]
            row.ready = None
            row.column += 1
        return passes.run(ids, columns), [(row.slot, row) for row in ready]

    def _compact(self) -> int:
        """Move chains to the first slots, so that a pass has no rows of ended ones."""
        count = len(self._rows)
        taken = {row.slot for row in self._rows}
        holes = [slot for slot in range(count) if slot not in taken]
        late = [row for row in self._rows if row.slot >= count]
        for hole, row in zip(holes, late, strict=True):
            self._sure_passes().slots.move(row.slot, hole, row.column)
            row.slot = hole
        return count

    def _draw(self, logits: torch.Tensor, drawing: Sequence[tuple[int, Row]]) -> None:
        """Give each chain its next token."""
        if not drawing:
            return
        own = self._sampling.temperature
        asked = [row.request.temperature for _, row in drawing]
        tokens = choose(
            logits[[index for index, _ in drawing]],
            [own if temperature is None else temperature for temperature in asked],
            self._sampling.top_p,
            [row.noise.random() for _, row in drawing],
        )
        for (_, row), token in zip(drawing, tokens, strict=True):
            if self._turns.ends(token, begun=bool(row.generated), tools=bool(row.request.tools)):
                self._ended.append((row, token))
                continue
            row.generated.append(token)
            if len(row.generated) >= self._sampling.reply_tokens:
                self._ended.append((row, None))
            else:
                row.ready = token

    def _settle(self, on_replies: OnReplies) -> None:
        """Hand over the replies that have ended, and take what is asked next."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        spoken: list[tuple[str, str]] = []
        asked: list[tuple[Request, Reply]] = []
        for row, last in ended:
            if self._on_tokens is not None:
                before, said_ids = (*self._shared, *row.seen), tuple(row.generated)
                self._on_tokens(row.request, Spoken(before=before, said=said_ids, ending=last))
            tools = bool(row.request.tools)
            said, text = self._turns.text(row.generated, last, tools=tools)
            count = len(row.generated) + (last is not None)
            spoken.append((said, text))
            reply = Reply(text=self._turns.reply(text, tools=tools), tokens=count)
            asked.append((row.request, reply))
        for (row, _), both, following in zip(ended, spoken, on_replies(asked), strict=True):
            self._follow(row, *both, following, on_replies)

    def _follow(
        self, row: Row, said: str, text: str, following: Request | None, on_replies: OnReplies
    ) -> None:
        """Go on with what is asked after a reply, in its slot if that holds what was said so far.

        Args:
            row: the chain that has replied.
            said: the text of the reply's tokens.
            text: the same with the end of its line.
            following: what is asked next.
            on_replies: is given what has ended since the last pass.
        """
        while following is not None:
            rendered = self._turns.render(following)
            if not rendered.startswith(row.text + text):
                # Another chain, or the template rewrites earlier turns.
                self._rows.remove(row)
                self._enqueue(following, rendered)
                return
            glue = self._turns.encode(rendered[len(row.text + said) :])
            seen = row.seen + row.generated + glue
            if len(seen) + self._sampling.reply_tokens <= self._room:
                row.request, row.text, row.seen, row.generated = following, rendered, seen, []
                row.feed = seen[row.column :]
                row.noise = derive(self._sampling.seed, following.job, following.step)
                return
            # The context is full: the model has nothing to say, and the chain's limits end it.
            (following,) = on_replies([(following, Reply(text=""))])
        self._rows.remove(row)

    def _enqueue(self, request: Request, rendered: str) -> None:
        ids = self._turns.encode(rendered)
        shared = len(self._shared)
        fits = shared < len(ids) <= self._room + shared - self._sampling.reply_tokens
        if fits and ids[:shared] == self._shared:
            self._queue.append(self._row(request, rendered, ids))
        else:
            self._elsewhere.append(request)

    def _sure_passes(self) -> Passes:
        assert self._passes is not None  # noqa: S101 - made when the first chain is admitted
        return self._passes


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
