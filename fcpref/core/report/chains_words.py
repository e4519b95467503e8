"""What is said of a shown chain or pair, in a terminal and on a page alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.canon import short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fcpref.core.report.chains import ShownCall, ShownChain, ShownPair

LONGEST = 2_000
"""Characters of a reply, a result or a problem that are shown to people."""
MOST_CALLS = 60
"""Calls of a chain that are shown to people."""
SHARED = "both begin with"
NOTHING_SHARED = "they differ from the first call on"
NO_PROBLEM = "(the problem is not here)"
ORACLE = "the oracle's from here on"
ENDS = "(ends here)"
UNJUDGED = "not judged"
MARKS = "* evidence   ! failed call"
MARKS_OF_PAIR = "> first call that differs   ! failed call"
OPENS, CLOSES = "{+", "+}"
"""What stands around tokens that carry loss, where colours may be lost."""
MARKS_OF_TRAINED = f"{OPENS}tokens that carry loss{CLOSES}, line ends as \\n"
UNDERLINED = "underlined: tokens that carry loss, line ends as \\n"


def about(shown: ShownChain | ShownPair) -> str:
    """Say what it is about."""
    problem = shown.about
    more = f", difficulty {problem.difficulty}, {problem.split}" if problem else ""
    return f"{shown.task}{more}, problem {short(shown.problem)}"


def by(chain: ShownChain) -> str:
    """Say who made a chain, and how."""
    parts = [f"sample {chain.sample} of {chain.source}"]
    if chain.grammar != "python":
        parts.append(f"{chain.grammar} grammar")
    if chain.without:
        parts.append(f"without {', '.join(chain.without)}")
    return ", ".join(parts)


def verdict(chain: ShownChain) -> str:
    """Say how a chain ended."""
    if not chain.verdict:
        return f"no verdict (stopped: {chain.stop})"
    return f"{chain.verdict} (stopped: {chain.stop})"


def measures(chain: ShownChain) -> Iterator[str]:
    """Say what was measured of a chain."""
    failed = sum(bool(call.code) for call in chain.calls)
    yield f"calls: {len(chain.calls)}, {failed} of them failed"
    if chain.verdict:
        rests = [str(call.index) for call in chain.calls if call.evidence]
        calls = f"call{'s' * (len(rests) > 1)} {', '.join(rests)}"
        yield f"evidence: {calls if rests else 'none'}"
    if chain.shortest is not None:
        efficiency = (
            "" if chain.efficiency is None else f", efficiency {float(chain.efficiency):.2f}"
        )
        yield f"oracle's calls: {chain.shortest}{efficiency}"
    if chain.reasoned is not None and chain.reasoned.numbers:
        found = chain.reasoned
        yield f"grounded numbers in Reasoning: {found.grounded} of {found.numbers}"


def trained(chain: ShownChain) -> Iterator[str]:
    """Say how much of a chain is trained, where that is asked."""
    asked = chain.training
    if asked is not None and asked.left_out:
        yield f"left out of training: {asked.left_out}"
    elif asked is not None:
        yield f"trained: {asked.trained:,} of {asked.tokens:,} tokens"


def before(call: ShownCall, chain: ShownChain) -> str:
    """Say what begins with a call, if anything does."""
    if call.index == chain.completed_from:
        return ORACLE
    unjudged = call.place == "after" and not call.judged
    return UNJUDGED if unjudged and chain.calls[call.index - 1].judged else ""


def judged(pair: ShownPair) -> str:
    """Say what a pair compares."""
    if pair.kind != "step":
        return "judged: both chains as a whole"
    after = ", after the beginning that both share" if pair.shared else ""
    return f"judged: call {pair.shared} only{after}"


def reason(pair: ShownPair) -> str:
    """Say why the rejected chain is rejected, and what the calls are worth where that is known."""
    code = f" ({pair.rejected_code})" if pair.rejected_code else ""
    text = f"rejected: {pair.rejected_verdict}{code}"
    if pair.values is None:
        return text
    chosen, rejected = map(str, pair.values)
    return f"{text}; share of correct ends: chosen {chosen}, rejected {rejected}"
