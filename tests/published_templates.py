"""Chat templates of published models, on a tokenizer made here; no download."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from tests.tiny_model import byte_tokenizer

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# In the manner of Mistral-7B-Instruct-v0.3, which TRL does not ship: no generation prompt, a space
# before a trimmed reply, the system message within the first user message.
MISTRAL = (
    "{% set told = messages[0].content + '\\n\\n' if messages[0].role == 'system' else '' %}"
    "{% set rest = messages[1:] if messages[0].role == 'system' else messages %}{{ '<s>' }}"
    "{% for message in rest %}{% if message.role == 'user' %}"
    "{{ '[INST] ' + (told if loop.first else '') + message.content + '[/INST]' }}"
    "{% else %}{{ ' ' + message.content | trim + '</s>' }}{% endif %}{% endfor %}"
)
_OWN = {"smollm2": SMOLLM2, "mistral": MISTRAL}
_SPECIAL = ("<|im_start|>", "<|eot_id|>", "<s>", "</s>", "[INST]", "[/INST]")


def template_of(name: str) -> str:
    """Return a published model's chat template, most of them as TRL ships it."""
    if name in _OWN:
        return _OWN[name]
    file = files("trl") / "chat_templates" / f"{name}.jinja"
    if not file.is_file():
        pytest.skip(f"this version of trl has no {name}.jinja")
    return file.read_text(encoding="utf-8")


def published(name: str) -> Any:
    """Return a tokenizer with a published model's template, and its special tokens."""
    tokenizer = byte_tokenizer((), template_of(name))
    tokenizer.add_special_tokens({"extra_special_tokens": list(_SPECIAL)})
    # As Qwen has them: tokens of their own that are no special ones.
    tokenizer.add_tokens(["<tool_call>", "</tool_call>", "<think>", "</think>"])
    return tokenizer
