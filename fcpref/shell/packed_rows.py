"""What is trained, as tensors: a chain, or a pair whose common beginning is encoded once.

A pair is ``prefix, chosen, rejected``. Each branch sees the prefix and itself, at the positions
that it has in its own chain, so the log-probabilities are those of two separate rows. A branch
opens with its own copy of the last shared token, which its first token is read off.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import torch
from attrs import frozen

from fcpref.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Encoded

Batch = dict[str, torch.Tensor]

_SEGMENTS = 3
"""Of a row: what all of it sees, the first branch, the second."""


@frozen(kw_only=True)
class PackedRow:
    """One chain, or two that begin alike.

    Attributes:
        ids: tokens: of the chain; or of prefix, chosen branch and rejected branch.
        segments: of each token: 0 the prefix or the only chain, 1 chosen, 2 rejected.
        positions: of each token in its own chain.
        predictors: of each chain, the places in the row from which the trained tokens are read off.
        targets: those tokens.
    """

    ids: tuple[int, ...]
    segments: tuple[int, ...]
    positions: tuple[int, ...]
    predictors: tuple[tuple[int, ...], ...]
    targets: tuple[tuple[int, ...], ...]

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.ids)


def alone(chain: Encoded) -> PackedRow:
    """Return a chain as a row."""
    tokens = _tokens(chain)
    trained = [place for place, (_, carries) in enumerate(tokens) if carries]
    return PackedRow(
        ids=tuple(token for token, _ in tokens),
        segments=(0,) * len(tokens),
        positions=tuple(range(len(tokens))),
        predictors=(tuple(place - 1 for place in trained),),
        targets=(tuple(tokens[place][0] for place in trained),),
    )


def pack(chosen: Encoded, rejected: Encoded) -> PackedRow:
    """Pack a pair; both chains must share the prompt.

    Raises:
        TrainingError: they do not.
    """
    if chosen.prompt != rejected.prompt:
        message = "a pair's chains do not share their prompt; pair within one problem"
        raise TrainingError(message)
    chains = [_tokens(chosen), _tokens(rejected)]
    # Where a token carries loss in one chain only, the prefix must end before it.
    shared = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(*chains, strict=False)))
    ids = [token for token, _ in chains[0][: shared - 1]]
    segments, positions = [0] * len(ids), list(range(len(ids)))
    predictors, targets = [], []
    for segment, chain in enumerate(chains, start=1):
        start = len(ids)
        branch = [token for token, _ in chain[shared - 1 :]]
        ids += branch
        segments += [segment] * len(branch)
        positions += range(shared - 1, len(chain))
        trained = [place for place, (_, carries) in enumerate(chain) if carries]
        predictors.append(
            tuple(place - 1 if place < shared else start + place - shared for place in trained)
        )
        targets.append(tuple(chain[place][0] for place in trained))
    return PackedRow(
        ids=tuple(ids),
        segments=tuple(segments),
        positions=tuple(positions),
        predictors=tuple(predictors),
        targets=tuple(targets),
    )


def _tokens(chain: Encoded) -> list[tuple[int, bool]]:
    prompt = [(token, False) for token in chain.prompt]
    return [*prompt, *zip(chain.completion, chain.mask, strict=True)]


def collate(lines: Sequence[Sequence[PackedRow]], pad: int, width: int = 0) -> Batch:
    """Return rows, in each line one behind the other, as one batch, padded on the right.

    Args:
        lines: B of them, of R rows in all, each of C chains.
        pad: id of the padding token.
        width: L, tokens of a line; those of the longest unless given.

    Returns:
        ``input_ids`` of shape (B, L); of all N trained tokens, of the rows' first chains and then
        of their second ones, ``rows`` and ``columns`` that they are read off, ``targets``, and the
        place of each in a table of C R chains (``chains``, ``places``); and ``counts``, the trained
        tokens of each chain. Where a token does not see all that is on its left,
        ``position_ids`` and ``segments`` (see `seen`) of shape (B, L).
    """
    width = width or max(sum(row.length for row in line) for line in lines)
    ids: list[list[int]] = [[] for _ in lines]
    positions: list[list[int]] = [[] for _ in lines]
    segments: list[list[int]] = [[] for _ in lines]
    starts: list[tuple[int, int, PackedRow]] = []
    for number, line in enumerate(lines):
        for place, row in enumerate(line):
            starts.append((number, len(ids[number]), row))
            ids[number] += row.ids
            positions[number] += row.positions
            segments[number] += (_SEGMENTS * place + one for one in row.segments)
        rest = width - len(ids[number])
        ids[number] += [pad] * rest
        positions[number] += [0] * rest
        segments[number] += [-_SEGMENTS] * rest
    flat: dict[str, list[int]] = {
        name: [] for name in ("rows", "columns", "targets", "chains", "places", "counts")
    }
    for side in range(len(starts[0][2].targets)):
        for number, start, row in starts:
            count = len(row.targets[side])
            flat["rows"] += [number] * count
            flat["columns"] += [start + place for place in row.predictors[side]]
            flat["targets"] += row.targets[side]
            flat["chains"] += [len(flat["counts"])] * count
            flat["places"] += range(count)
            flat["counts"].append(count)
    batch = {name: torch.tensor(one, dtype=torch.long) for name, one in flat.items()}
    if any(one > 0 for line in segments for one in line):
        batch |= {"position_ids": torch.tensor(positions), "segments": torch.tensor(segments)}
    return {"input_ids": torch.tensor(ids), **batch}


def seen(segments: torch.Tensor) -> torch.Tensor:
    """Return what tokens see: of their own row, what is on their left but for another branch.

    Args:
        segments: shape (B, L); of the row at place n of a line 3n in what all of it sees, 3n + 1
            and 3n + 2 in its branches.

    Returns:
        Shape (B, 1, L, L), true where the token of the last dimension is seen.
    """
    width = segments.shape[1]
    causal = torch.ones(width, width, dtype=torch.bool, device=segments.device).tril()
    row = segments.div(_SEGMENTS, rounding_mode="floor")
    shared = segments % _SEGMENTS == 0
    own = segments[:, :, None] == segments[:, None, :]
    begun = (row[:, :, None] == row[:, None, :]) & shared[:, None, :]
    return (causal & (own | begun))[:, None]


def table(values: torch.Tensor, batch: Mapping[str, torch.Tensor], width: int) -> torch.Tensor:
    """Lay out by chain what was computed of N trained tokens: shape (C R, width), else zeros."""
    out = values.new_zeros(len(batch["counts"]), width)
    return out.index_put((batch["chains"], batch["places"]), values)
