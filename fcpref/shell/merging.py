"""Models as plain folders: an adapter merged into its base, with tokenizer, template and card.

What `transformers serve`, vLLM and llama.cpp's `convert_hf_to_gguf.py` read, and what their older
versions need beside it: transformers 5 writes names that version 4 does not know.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.report.model_card import model_card
from fcpref.errors import ArtifactError, ModelError
from fcpref.shell.model_facts import card_of
from fcpref.shell.model_names import ModelName, ResolvedModel, public_name
from fcpref.shell.models import load_model, quiet
from fcpref.shell.resolving import TEMPLATE, kept_template, resolve
from fcpref.shell.store import is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fcpref.shell.workspace import Workspace

MARK = "fcpref.json"
CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
_TOKENIZER = (
    "tokenizer.json",
    TOKENIZER_CONFIG,
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    TEMPLATE,
    "chat_template.json",
)


@frozen(kw_only=True)
class Merged:
    """A folder that was written.

    Attributes:
        folder: the folder; `path:FOLDER` names the model in it.
        files: what it holds.
    """

    folder: Path
    files: tuple[Path, ...]


def merge_model(workspace: Workspace, model: str, out: Path | None = None) -> Merged:
    """Write a model as a folder, its adapter merged into the base; whole or not at all.

    The sum is made in float32 and rounded to bfloat16 once.

    Args:
        workspace: holds the runs and trials that the model card tells of.
        model: the model's name.
        out: the folder; ``local/merged/NAME`` by default. One that was merged earlier is replaced.

    Raises:
        ModelError: the model cannot be found, loaded or merged.
        ArtifactError: the folder holds something else, or cannot be written.
    """
    name = ModelName.parse(model)
    folder = out or workspace.local / "merged" / (Path(name.target).name or name.kind)
    _refuse_other_folder(folder)
    resolved = resolve(name, workspace.progress.note)
    if folder.exists() and any(
        one is not None and one.resolve() == folder.resolve()
        for one in (resolved.folder, resolved.adapter)
    ):
        raise ArtifactError(f"{folder}: is the model itself; choose another --out")
    _refuse_quantised(resolved)
    text = model_card(card_of(workspace, resolved, folder.absolute().name))
    workspace.progress.note(f"loading {public_name(resolved)}")
    whole = _merged(resolved)

    workspace.progress.note(f"writing {folder}")
    mark = {"merged": public_name(resolved), "revision": resolved.revision}
    write_model(folder, whole, resolved.folder, mark, template=kept_template(resolved), card=text)
    return Merged(folder=folder, files=tuple(sorted(folder.iterdir())))


def write_model(
    folder: Path,
    whole: Any,  # noqa: ANN401
    tokenizer: Path,
    mark: Mapping[str, str],
    *,
    template: str | None,
    card: str = "",
) -> None:
    """Write a model in bfloat16 as a plain folder, whole or not at all.

    Args:
        folder: what it replaces.
        whole: the model, without adapters, in bfloat16.
        tokenizer: a folder with its tokenizer and chat template.
        mark: what is said of its origin, for programs.
        template: the chat template that it was trained with, where that is another.
        card: for people.

    Raises:
        ArtifactError: the folder cannot be written.
    """

    def fill(partial: Path) -> None:
        with quiet():
            whole.save_pretrained(partial)
        _write_config(partial / CONFIG)
        _write_tokenizer(tokenizer, partial, template)
        _write_json(partial / MARK, mark)
        if card:
            (partial / "README.md").write_text(card, encoding="utf-8")

    _fill_whole(folder, fill)


def _refuse_other_folder(folder: Path) -> None:
    """Writing replaces the folder, so it must be new, empty or merged earlier."""
    if is_free(folder):
        return
    try:
        mark = json.loads((folder / MARK).read_bytes())
    except (OSError, ValueError):
        mark = None
    if not isinstance(mark, dict) or "merged" not in mark:
        raise ArtifactError(
            f"{folder}: exists and holds no merged model; remove it or choose another --out"
        )


def _refuse_quantised(resolved: ResolvedModel) -> None:
    path = resolved.folder / CONFIG
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not readable JSON ({error}): write or copy it again") from None
    if isinstance(config, dict) and config.get("quantization_config"):
        raise ModelError(
            f"{resolved.name} has quantised weights, and an adapter is merged into whole ones: "
            "name the original model after @"
        )


def _merged(resolved: ResolvedModel) -> Any:  # noqa: ANN401
    """Load the model in float32, merge its adapter, and round."""
    import torch

    loaded: Any = load_model(resolved, dtype="float32", device="cpu")
    if resolved.adapter is not None:
        _refuse_shared(loaded, resolved)
        loaded = loaded.merge_and_unload()
    whole = loaded.to(torch.bfloat16)
    for name, weight in whole.state_dict().items():
        if not weight.isfinite().all():
            raise ModelError(
                f"{resolved.name} has a weight {name!r} that is no finite number when merged: "
                "train it again with a lower learning_rate"
            )
    return whole


def _refuse_shared(model: Any, resolved: ResolvedModel) -> None:  # noqa: ANN401
    """Where head and embeddings are one tensor, an adapter on one of them cannot be merged."""
    parts = ("lm_head", "embed_tokens")
    on = {
        part
        for name, _ in model.named_parameters()
        if "lora_" in name
        for part in parts
        if f".{part}." in name
    }
    if on and model.get_base_model().config.tie_word_embeddings:
        raise ModelError(
            f"{resolved.name} adapts {min(on)}, which its base shares between input and output: "
            "serve the adapter itself, or train one on the layers between"
        )


def _write_config(path: Path) -> None:
    """Name what transformers 5 has renamed as version 4, and readers of its files, did too.

    llama.cpp's converter and vLLM took `rope_theta` from the top and `torch_dtype` before they
    knew `rope_parameters` and `dtype`; without them rotary embeddings silently have another base.
    """
    config = json.loads(path.read_bytes())
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope:
        config.setdefault("rope_theta", rope["rope_theta"])
        if rope.get("rope_type", "default") != "default":
            scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
            config.setdefault("rope_scaling", scaling)
    config["dtype"] = config["torch_dtype"] = "bfloat16"
    _write_json(path, config)


def _write_tokenizer(source: Path, target: Path, kept: str | None = None) -> None:
    """Copy the base's tokenizer as it is; in its settings only names that few readers know change.

    llama.cpp and older servers look for the template in `tokenizer_config.json`, transformers 5
    writes it to a file of its own: both have it here. It is the one that the model was
    trained with, where that is another.
    """
    for name in _TOKENIZER:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    if kept is not None:
        (target / "chat_template.json").unlink(missing_ok=True)
        (target / TEMPLATE).write_text(kept, encoding="utf-8")
    path = target / TOKENIZER_CONFIG
    config = json.loads(path.read_bytes()) if path.is_file() else {}
    if config.get("tokenizer_class") == "TokenizersBackend":
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        config.pop("backend", None)
    # A list under this name ends version 4 with an AttributeError; the old name is read by both.
    if isinstance(config.get("extra_special_tokens"), list):
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    template = config.get("chat_template")
    if (target / TEMPLATE).is_file():
        config["chat_template"] = (target / TEMPLATE).read_text(encoding="utf-8")
    elif isinstance(template, str):
        (target / TEMPLATE).write_text(template, encoding="utf-8")
    _write_json(path, config)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _fill_whole(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside, then put it in the place of what was there."""
    from safetensors import SafetensorError

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
        try:
            fill(partial)
            for path in partial.iterdir():
                path.chmod(0o644)
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            partial.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            partial.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ArtifactError(
            f"{folder}: the model cannot be written ({why}); free space or choose another --out"
        ) from None
