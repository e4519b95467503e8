"""Find a model by its name and pin it to a revision that changes whenever its weights do.

Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcpref.errors import ModelError
from fcpref.shell.model_names import KIND, ModelName, ResolvedModel
from fcpref.shell.wheels import file_sha256, gguf_folder, wheel_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TEMPLATE = "chat_template.jinja"


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
    with model_errors(f"cannot resolve {name}"):
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
            hint = (
                f"it is a whole model, name it path:{folder}"
                if (folder / "config.json").is_file()
                else "name a folder written by PEFT"
            )
            raise ModelError(f"adapter:{folder} has no {file}: {hint}")
    config = _json_object(folder / "adapter_config.json")
    base = resolve(name.base or _recorded_base(folder, config), progress)
    # Where the base lay when the adapter was trained says nothing about what it computes.
    elsewhere = {"base_model_name_or_path", "revision"}
    content = {key: value for key, value in config.items() if key not in elsewhere}
    with model_errors(f"cannot read adapter:{folder}"):
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
        if not re.match(rf"(?:{KIND}):", str(text)):
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
    with model_errors(f"cannot read {path}"):
        return path.read_text(encoding="utf-8")


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
def model_errors(what: str) -> Iterator[None]:
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
