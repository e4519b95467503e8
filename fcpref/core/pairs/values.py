"""The PreferencePair value, and how pairs are drawn."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, get_args

from attrs import field, frozen
from attrs.validators import ge, gt, le

from fcpref.core.chains import Chain, replies_of
from fcpref.core.codec import LATER
from fcpref.core.prefixes import shared_length
from fcpref.core.tasks import Policy

if TYPE_CHECKING:
    from attrs import Attribute

    from fcpref.core.functions import FailureCode

Origin = Literal["chain", "step", "recovery", "oracle", "corruption"]
"""Which builder made a pair: ``chain`` is the paper's rule, a correct and an incorrect chain of one
problem; ``step`` two calls after the same executed prefix, valued by the continuations that exist;
``recovery`` a failed call's correction and the same failure again; ``oracle`` the oracle's call
where a chain went wrong; ``corruption`` a correct chain and the same with one call spoiled."""

ORIGINS: tuple[Origin, ...] = get_args(Origin)

Corruption = Literal[
    "digit", "argument", "order", "function", "rule", "early_answer", "no_answer", "format"
]
"""How the ``corruption`` builder spoils a call: ``digit`` changes a digit of a number; ``argument``
takes another text or number of the problem or of a result; ``order`` swaps operands; ``function``
calls another function with the same arguments; ``rule`` takes another rule of the problem;
``early_answer`` answers before the answer is established, rightly or not; ``no_answer`` goes on
where the answer is due; ``format`` breaks the syntax."""

CORRUPTIONS: tuple[Corruption, ...] = get_args(Corruption)


@frozen(kw_only=True)
class PreferencePair:
    """Two chains of one problem, the first better than the second.

    Attributes:
        kind: what is judged. Of a ``chain`` pair both chains as a whole; in a ``step`` pair both
            begin alike, and only the first call that differs is judged.
        chosen: a correct chain.
        rejected: a chain that is not correct.
        rejected_verdict: why it is not.
        origin: which builder made it.
        values: of a pair of the ``step`` builder, the share of executed continuations that came to
            a correct end, after the chosen and after the rejected call; else None.
    """

    kind: Literal["chain", "step"]
    chosen: Chain
    rejected: Chain
    rejected_verdict: str
    origin: Origin = field(default="chain", metadata=LATER)
    values: tuple[Fraction, Fraction] | None = field(default=None, metadata=LATER)

    @property
    def shared(self) -> int:
        """Return how many replies both chains begin with."""
        return shared_length(replies_of(self.chosen), replies_of(self.rejected))

    @property
    def rejected_code(self) -> FailureCode | None:
        """Return the failure that the rejected chain is judged for, if it is one.

        That of the first call that differs in a ``step`` pair, the chain's last one else.
        """
        codes = [turn.outcome.code for turn in self.rejected.turns]
        if self.kind == "step":
            return codes[self.shared] if self.shared < len(codes) else None
        return next((code for code in reversed(codes) if code is not None), None)


@frozen(kw_only=True)
class PairSpec:
    """How pairs are built, mixed and drawn.

    Attributes:
        kinds: the builders, see `Origin`.
        weights: shares of the builders in the same order, as long as they have pairs left; one that
            runs out leaves its share to the others. They tell where there is a `limit`; without
            one all pairs are taken. Empty gives all the same share.
        per_problem: pairs that a prompt gives at most (a problem in one call grammar, with the same
            functions on offer).
        limit: pairs in all at most, drawn evenly from all problems; 0 is no limit.
        per_code: pairs at most with the same `rejected_code`, none as well; 0 is no limit.
        per_length: pairs at most whose chosen chains have the same number of calls; 0 is no limit.
        choose: which correct chains go first: ``random``, or the ``best``, those with the fewest
            failed calls, then the fewest calls.
        reject: which incorrect chains go first: ``random``, or the ``hardest``, those that share
            the longest beginning with the chosen one, then that came closest to a correct end.
        margin: by how much the chosen call's value exceeds the rejected one's at least, of the
            ``step`` builder; above 0, at most 1.
        continuations: executed chains at least behind each of the two values.
        solved: whether the ``oracle`` builder takes problems with a correct chain as well.
        seed: of the draw.
        corruptions: kinds of the ``corruption`` builder, which take turns; empty is all.
        policy: how the ``oracle`` builder's oracle goes on; that of the chains which the student
            was taught with.
    """

    kinds: tuple[Origin, ...] = field(default=("chain",))
    weights: tuple[float, ...] = ()
    per_problem: int = field(default=2, validator=ge(1))
    limit: int = field(default=0, validator=ge(0))
    per_code: int = field(default=0, validator=ge(0))
    per_length: int = field(default=0, validator=ge(0))
    choose: Literal["random", "best"] = "random"
    reject: Literal["random", "hardest"] = "random"
    margin: float = field(default=0.5, validator=[gt(0), le(1)])
    continuations: int = field(default=1, validator=ge(1))
    solved: bool = False
    seed: int = 0
    corruptions: tuple[Corruption, ...] = field(default=(), metadata=LATER)
    policy: Policy = field(default="shortest", metadata=LATER)

    @kinds.validator
    def _different(self, _: Attribute[tuple[Origin, ...]], kinds: tuple[Origin, ...]) -> None:
        if not kinds or len({*kinds}) < len(kinds) or not {*kinds} <= {*ORIGINS}:
            raise ValueError(f"'kinds' must be different ones of {', '.join(ORIGINS)}: {kinds}")

    @corruptions.validator
    def _once_each(self, _: Attribute[tuple[Corruption, ...]], kinds: tuple[str, ...]) -> None:
        if len({*kinds}) < len(kinds) or not {*kinds} <= {*CORRUPTIONS}:
            known = ", ".join(CORRUPTIONS)
            raise ValueError(f"'corruptions' must be different ones of {known}: {kinds}")

    def __attrs_post_init__(self) -> None:
        """Refuse weights that fit no kinds.

        Raises:
            ValueError: there are more or fewer than kinds, or one is not above 0.
        """
        if self.weights and len(self.weights) != len(self.kinds):
            raise ValueError(f"{len(self.weights)} 'weights' for {len(self.kinds)} 'kinds'")
        if any(not weight > 0 for weight in self.weights):
            raise ValueError(f"'weights' must be above 0: {self.weights}")
