"""The chat template that a student is trained with: its own, or TRL's training template for it.

What is trained has to be what the model reads and writes later. A template that writes an earlier
turn otherwise once another follows (Qwen3 puts an empty thought before the last call only) makes
that impossible. For some of those TRL has a template that writes every turn as the last one. It
takes the place of the student's in training, in `fcpref lint` and `fcpref show --trained`; it is
kept beside the adapter, so that the trained student is asked with it too, and goes into the folder
that the adapter is merged into. The student itself keeps its own.
"""

from __future__ import annotations

from itertools import chain as joined
from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.chains import Chain, Message, Turn
from fcpref.core.functions import FailureCode, Outcome, translate
from fcpref.errors import ModelError, TrainingError
from fcpref.shell.models import load_tokenizer
from fcpref.shell.resolving import kept_template
from fcpref.shell.templates import require_tools
from fcpref.shell.tokens import encode_chain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fcpref.core.functions import Grammar
    from fcpref.core.pairs import PreferencePair
    from fcpref.shell.model_names import ResolvedModel

_TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "Add",
            "description": "Adds two numbers.",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
                "required": ["a", "b"],
            },
        },
    },
)
_OPENING = (
    Message(role="system", content="Add(a, b)"),
    Message(role="user", content="What is 2 and 3, and 3 more?"),
)
_TOLD = (
    ("Add(a=2, b=3)", Outcome(text="5")),
    ("Then 3 more.", Outcome(text="that is no call", code=FailureCode.NOT_A_CALL)),
    ("Add(a=5, b=3)", Outcome(text="8")),
)


@frozen(kw_only=True)
class TrainingTokenizer:
    """A student's tokenizer as training uses it.

    Attributes:
        tokenizer: with the chat template that rows are encoded with.
        kept: that template, where the base model's own is another: an adapter needs it beside it.
        note: what is to be said of it, if anything.
    """

    tokenizer: Any
    kept: str = ""
    note: str = ""


def training_tokenizer(student: ResolvedModel, grammars: Iterable[Grammar]) -> TrainingTokenizer:
    """Return a student's tokenizer with a chat template that rows of some grammars train with.

    Args:
        student: the model.
        grammars: those of the rows; with none its template is taken as it is.

    Raises:
        ModelError: the tokenizer cannot be read or has no template, or rows of the `tools` grammar,
            and a template that knows no tools.
        TrainingError: the template is not prefix-preserving, and TRL has none in its place that is.
    """
    tokenizer: Any = load_tokenizer(student)
    asked = sorted(set(grammars))
    if asked and not tokenizer.chat_template:
        raise ModelError(
            f"{student.name}: its tokenizer has no chat template; use an instruction-tuned model"
        )
    refusal = _refusal(tokenizer, asked, student.name)
    if refusal is None:
        return TrainingTokenizer(tokenizer=tokenizer, kept=kept_template(student) or "")
    template = _trls(tokenizer)
    if template is None:
        raise refusal
    tokenizer.chat_template = template
    if _refusal(tokenizer, asked, student.name) is not None:
        apart = "; train python rows and tool calls apart" if len(asked) > 1 else ""
        raise TrainingError(f"{refusal} (TRL's training template for it does not do either{apart})")
    note = (
        f"{student.name}: its chat template rewrites earlier turns, so TRL's training template "
        "takes its place; it is kept beside the adapter, which is asked with it too"
    )
    return TrainingTokenizer(tokenizer=tokenizer, kept=template, note=note)


def grammars_of(rows: Iterable[Chain] | Iterable[PreferencePair]) -> frozenset[Grammar]:
    """Return the grammars of chains, or of the chains of pairs."""
    several = ((row,) if isinstance(row, Chain) else (row.chosen, row.rejected) for row in rows)
    return frozenset(chain.grammar for chain in joined.from_iterable(several))


def _refusal(
    tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
    grammars: Iterable[Grammar],
    name: str,
) -> TrainingError | None:
    """Return what is wrong with training with a template; None where nothing is."""
    for grammar in grammars:
        tools = _TOOLS if grammar == "tools" else ()
        require_tools(tokenizer, tools, name)
        try:
            encode_chain(tokenizer, _OPENING, _probe(grammar), (True,) * 3, tools, name=name)
        except TrainingError as error:
            return error
        except ModelError as error:
            return TrainingError(f"{name}: {error}")
        except Exception as error:  # noqa: BLE001 - templates raise anything
            what = " ".join(str(error).split())[:100]
            return TrainingError(
                f"{name}: its chat template fails ({what}); use a model whose template takes a "
                "system message and turns by user and assistant"
            )
    return None


def _probe(grammar: Grammar) -> Chain:
    return Chain(
        task="",
        problem="",
        source="",
        sample=0,
        turns=tuple(Turn(reply=translate(reply, grammar), outcome=out) for reply, out in _TOLD),
        stop="answered",
        grammar=grammar,
    )


def _trls(tokenizer: Any) -> str | None:  # noqa: ANN401
    """Return TRL's training template for the tokenizer's; None where it has none."""
    from trl.chat_template_utils import get_training_chat_template

    try:
        return get_training_chat_template(tokenizer)
    except Exception:  # noqa: BLE001 - it renders the template, which raises anything
        return None
