"""A random Llama and character-level tokenizers with SmolLM2's chat template; no download."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fcpref.shell.model_names import ResolvedModel

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n'"
    " + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# Says only the last assistant turn in full: what was rendered for a step changes in the next.
REWRITING = CHATML.replace(
    "message['content']",
    "(message['content'] if loop.revindex <= 3 or message['role'] != 'assistant' else '...')",
)
# Shows how many messages there are, so that no chat is a prefix of the next.
COUNTING = "{{ messages | length }}\n" + CHATML

# Tools in the manner of Qwen2.5: a list of schemas, tagged calls, results grouped as the user's.
QWEN = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] + '\\n\\n' }}{%- endif %}
    {{- '# Tools\\n<tools>' }}
    {%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
    {{- '\\n</tools><|im_end|>\\n' }}
{%- elif messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant' }}
        {%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for call in message.tool_calls or [] %}
            {%- if call.function %}{%- set call = call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {{- call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {%- if messages[loop.index0 - 1].role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- elif message.role == 'user' %}
        {{- '<|im_start|>user\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
# And of Llama 3: bare JSON that says `parameters`, results as a role of their own.
LLAMA = (
    "{% for tool in tools or [] %}{{ tool | tojson + '\\n' }}{% endfor %}"
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}"
    "{% if message.tool_calls %}{% set call = message.tool_calls[0].function %}"
    "{{ '{\"name\": \"' + call.name + '\", \"parameters\": ' + call.arguments | tojson + '}' }}"
    "{% else %}{{ message.content }}{% endif %}{{ '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def ascii_tokenizer(template: str | None = CHATML) -> Any:
    """Return one token a printable character: every sampled text has one encoding."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    shown = {c for c in string.printable[:95] if c != " "} | {"\u0120", "\u010a"}
    kept = sorted(shown & set(letters))
    vocabulary = {piece: index for index, piece in enumerate((*SPECIAL, *kept))}
    return _wrapped(Tokenizer(models.BPE(vocabulary, [])), template)


def byte_tokenizer(
    corpus: Iterable[str] = (), template: str | None = CHATML, size: int = 400
) -> Any:
    """Return a byte-level BPE tokenizer, with merges learnt from the corpus; it has all bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return _wrapped(tokenizer, template)


def tiny_llama(tokenizer: Any, seed: int = 0, scale: float = 0.4) -> Any:
    """Return a random model in float32; a large scale makes its choices vary with the context."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)  # so small a model only loses by sharing its work
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=scale,
        bos_token_id=tokenizer.convert_tokens_to_ids("<|im_start|>"),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval()


def save_tiny(folder: Path, tokenizer: Any, seed: int = 0, scale: float = 0.4) -> ResolvedModel:
    """Save a tiny model and its tokenizer, and resolve the folder."""
    from fcpref.shell.model_names import ModelName
    from fcpref.shell.resolving import resolve

    tiny_llama(tokenizer, seed, scale).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return resolve(ModelName.parse(f"path:{folder}"))


def _wrapped(tokenizer: Tokenizer, template: str | None) -> Any:
    from transformers import PreTrainedTokenizerFast

    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **dict.fromkeys(("eos_token", "pad_token"), SPECIAL[2]),
        unk_token=SPECIAL[0],
        additional_special_tokens=["<|im_start|>"],
    )
    wrapped.chat_template = template
    return wrapped
