"""A small random Mistral, with the chat template of Mistral-7B-Instruct-v0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.tiny_model import byte_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Word for word what the model's tokenizer_config.json has.
V2 = """\
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('After the optional system message, conversation roles must alternate \
user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {%- if loop.first and system_message is defined %}
            {{- ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}
        {%- else %}
            {{- ' [INST] ' + message['content'] + ' [/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + message['content'] + eos_token}}
    {%- else %}
        {{- raise_exception('Only user and assistant roles are supported, with the exception of an \
initial optional system message!') }}
    {%- endif %}
{%- endfor %}
"""
# As v0.3 has it, cut to the part that matters: what the system says moves to the last message.
V3 = V2.replace("loop.first and system", "loop.last and system")
# And as v0.1 and v0.2 had it at first.
FIRST = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}"
    "{% endfor %}"
)


def mistral_tokenizer(corpus: Iterable[str] = (), template: str = V2, size: int = 400) -> Any:
    """Return a byte-level tokenizer with Mistral's marks and template."""
    tokenizer = byte_tokenizer(corpus, template, size)
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"})
    return tokenizer


def save_mistral(folder: Path, tokenizer: Any, window: int | None = None) -> None:
    """Save a random model in float32.

    Args:
        folder: where to.
        tokenizer: whose vocabulary it has; saved beside it.
        window: how many tokens each attends to; None for all.
    """
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        sliding_window=window,
        initializer_range=0.3,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    MistralForCausalLM(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
