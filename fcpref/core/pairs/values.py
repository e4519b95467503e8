"""The PreferencePair value."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from fcpref.core.chains import Chain


@frozen(kw_only=True)
class PreferencePair:
    """Two chains of one problem, the first better than the second.

    Attributes:
        kind: how the pair was made; ``chain`` is the paper's rule. In a ``step`` pair both chains
            begin alike, and only the first call that differs is judged.
        chosen: a correct chain.
        rejected: a chain that is not correct.
        rejected_verdict: why it is not.
    """

    kind: Literal["chain", "step"]
    chosen: Chain
    rejected: Chain
    rejected_verdict: str

    @property
    def shared(self) -> int:
        """Return how many replies both chains begin with."""
        both = zip(self.chosen.turns, self.rejected.turns, strict=False)
        at = 0
        for ours, theirs in both:
            if ours.reply != theirs.reply:
                break
            at += 1
        return at
