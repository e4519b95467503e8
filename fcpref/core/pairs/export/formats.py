"""The catalog of export formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from attrs import frozen

from fcpref.core.chains import PromptSpec
from fcpref.core.pairs.export import axolotl, sharegpt, trl
from fcpref.core.pairs.export.chats import Row, Sample
from fcpref.core.pairs.export.columns import Kind
from fcpref.core.pairs.values import PreferencePair
from fcpref.core.problems import Problem
from fcpref.errors import UsageError


@frozen(kw_only=True)
class Format:
    """What an export format is made of.

    Attributes:
        name: such as ``trl``.
        about: what a row is, for a dataset card.
        columns: what rows hold, in order.
        tool_columns: the same where chains of the `tools` grammar are among them; None where the
            format cannot hold those.
    """

    name: str
    about: str
    columns: Mapping[str, Kind]
    tool_columns: Mapping[str, Kind] | None


@frozen(kw_only=True)
class PairFormat(Format):
    """A format whose rows are pairs.

    Attributes:
        row: makes one; raises PairError for a pair that it has no place for.
    """

    row: Callable[[PreferencePair, Problem, PromptSpec], Row]


@frozen(kw_only=True)
class ChainFormat(Format):
    """A format whose rows are single chains.

    Attributes:
        row: makes one, or None of a chain that has no place in it.
        left_out: what it makes no rows of, in words.
        judged: of a pair, rows are what it judges; else the whole chains of both sides.
    """

    row: Callable[[Sample, Problem, PromptSpec], Row | None]
    left_out: str
    judged: bool = False


_RESULTS = (
    "Messages of role `user` after the problem are results of functions: mask them out of the loss."
)
_SFT = (
    "Each row is the chat of a correct chain: its answer is right and its executed calls support "
    "it."
)
_ONE_CALL = (
    "Each row is two calls after the same turns: the chosen one comes to a correct end, the "
    "rejected one does not. Only the calls are trained, so that there are no results to mask."
)

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        one.name: one
        for one in (
            PairFormat(
                name="trl",
                about="Each row is two chains of one problem, or two calls after the same turns of "
                "one, in TRL's conversational preference format. The chosen one is right and its "
                f"executed calls support the answer; the rejected one is not. {_RESULTS} TRL's "
                "DPOTrainer does not.",
                columns=trl.PREFERENCE,
                tool_columns=trl.with_tools(trl.PREFERENCE),
                row=trl.trl_row,
            ),
            ChainFormat(
                name="trl-sft",
                about=f"{_SFT} TRL's conversational language modeling format. {_RESULTS} "
                "`assistant_only_loss=True` does that where the chat template marks what the "
                "assistant says. Calls that failed are among them, see below.",
                columns=trl.SFT,
                tool_columns=trl.with_tools(trl.SFT),
                row=trl.trl_sft_row,
                left_out="chains that are not correct",
            ),
            ChainFormat(
                name="trl-kto",
                about="Each row is one chain, or one call after the turns before it, in TRL's "
                "unpaired preference format; the label says whether it is right and supported. "
                f"{_RESULTS} TRL's KTOTrainer does not.",
                columns=trl.KTO,
                tool_columns=trl.with_tools(trl.KTO),
                row=trl.trl_kto_row,
                left_out="chains without a reply",
                judged=True,
            ),
            ChainFormat(
                name="trl-prm",
                about="Each row is one chain in TRL's stepwise supervision format, for a process "
                "reward model (TRL 1.16 has no trainer for it; its PRMTrainer did). A step is a "
                "call and, on the next line, its result. A label says whether the chain could "
                "still come to a correct end by that call: false are calls that failed and, of an "
                "incorrect chain, the call that settled its fate and all after it: the answer, or "
                "the first of the failed calls that it ended in. Incorrect chains that ran into a "
                "limit or fell silent are left out: no single call of theirs is known to be to "
                "blame.",
                columns=trl.PRM,
                tool_columns=None,
                row=trl.trl_prm_row,
                left_out="incorrect chains that no single call settled",
            ),
            PairFormat(
                name="llamafactory",
                about=f"{_ONE_CALL} LLaMA-Factory's ShareGPT preference format.",
                columns=sharegpt.PREFERENCE,
                tool_columns=sharegpt.PREFERENCE,
                row=sharegpt.sharegpt_row,
            ),
            ChainFormat(
                name="llamafactory-sft",
                about=f"{_SFT} LLaMA-Factory's ShareGPT format: it trains turns of `gpt` and "
                "`function_call` alone, so that results carry no loss. Calls that failed are among "
                "them, see below.",
                columns=sharegpt.SFT,
                tool_columns=sharegpt.SFT,
                row=sharegpt.sharegpt_sft_row,
                left_out="chains that are not correct",
            ),
            PairFormat(
                name="axolotl",
                about=f"{_ONE_CALL} axolotl's `chat_template.default` preference format.",
                columns=axolotl.PREFERENCE,
                tool_columns=None,
                row=axolotl.axolotl_row,
            ),
            ChainFormat(
                name="axolotl-sft",
                about=f"{_SFT} axolotl's `chat_template` format; `train` is set on the calls that "
                "worked, so that neither results nor calls that failed carry loss.",
                columns=axolotl.SFT,
                tool_columns=axolotl.SFT_TOOLS,
                row=axolotl.axolotl_sft_row,
                left_out="chains that are not correct",
            ),
        )
    }
)


def find_format(name: str) -> Format:
    """Return an export format by name.

    Raises:
        UsageError: there is no such format; the message lists those there are.
    """
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]
