"""Builds the tokenizer that a GGUF file describes, as it was published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcpref.shell.gguf_header import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenizers import Tokenizer

_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CONTROL, _USER_DEFINED = 3, 4


def read_tokenizer(metadata: Mapping[str, Any], name: str) -> Tokenizer:
    """Return the published tokenizer: byte-level BPE with the splits that the file names.

    Raises:
        ModelError: it is of another kind.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

    split = metadata.get("tokenizer.ggml.pre")
    if metadata["tokenizer.ggml.model"] != "gpt2" or split not in {"smollm", "qwen2"}:
        refuse(name, f"its tokenizer is {metadata['tokenizer.ggml.model']!r} {split!r}")
    if metadata.get("tokenizer.ggml.add_bos_token") or metadata.get("tokenizer.ggml.add_eos_token"):
        refuse(name, "its tokenizer adds tokens at the ends")
    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    if split == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
        splits = [
            Split(Regex(_QWEN2_SPLIT), behavior="isolated"),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    else:
        splits = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = Sequence(splits)
    tokenizer.decoder = decoders.ByteLevel()
    kinds = list(zip(tokens, metadata["tokenizer.ggml.token_type"], strict=True))
    for kind, special in ((_CONTROL, True), (_USER_DEFINED, False)):
        added = [
            AddedToken(token, normalized=False, special=special) for token, k in kinds if k == kind
        ]
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(added)
    return tokenizer


def read_tokenizer_config(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``tokenizer_config.json`` says about it."""
    keys = {
        "bos_token": "bos_token_id",
        "eos_token": "eos_token_id",
        "pad_token": "padding_token_id",
        "unk_token": "unknown_token_id",
    }
    ids = {name: metadata.get(f"tokenizer.ggml.{key}") for name, key in keys.items()}
    tokens = metadata["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": metadata[f"{metadata['general.architecture']}.context_length"],
    } | {name: tokens[index] for name, index in ids.items() if index is not None}
