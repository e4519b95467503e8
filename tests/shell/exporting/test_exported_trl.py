"""TRL's trainers prepare the rows that are exported for them."""

from __future__ import annotations

import pytest

from tests.exported_formats import GRAMMARS, loaded
from tests.tiny_model import CHATML, QWEN, byte_tokenizer, save_tiny


@pytest.fixture(scope="module", params=GRAMMARS)
def student(request, chains, tmp_path_factory):
    grammar = request.param
    texts = [str(one) for one in chains[grammar].records][:6]
    tokenizer = byte_tokenizer(texts, CHATML if grammar == "python" else QWEN, size=600)
    resolved = save_tiny(tmp_path_factory.mktemp("student"), tokenizer)
    return grammar, tokenizer, str(resolved.folder)


def settings(kind, out):
    return kind(
        output_dir=str(out), use_cpu=True, report_to=[], max_length=4096, bf16=False,
        gradient_checkpointing=False, disable_tqdm=True,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["chain", "step"])
def test_trl_prepares_preference_rows(exported, pairs, student, tmp_path, kind):
    from trl import DPOConfig, DPOTrainer
    from trl.data_utils import is_conversational

    grammar, tokenizer, model = student
    rows = loaded(exported("trl", grammar, pairs[grammar, kind]), tmp_path)["train"]
    assert is_conversational(rows[0])
    made = DPOTrainer(
        model=model, args=settings(DPOConfig, tmp_path / "out"), train_dataset=rows,
        processing_class=tokenizer,
    ).train_dataset  # fmt: skip
    assert len(made) == len(rows)
    for row, ids in zip(rows, made, strict=True):
        said = row["prompt"] + row["chosen"]
        whole = tokenizer.apply_chat_template(said, tools=row.get("tools"), tokenize=False)
        assert tokenizer.decode(ids["prompt_ids"] + ids["chosen_ids"]) == whole
        assert ids["chosen_ids"] != ids["rejected_ids"]
        assert tokenizer.decode(ids["prompt_ids"]).endswith("assistant\n")


def test_trl_prepares_supervised_rows(exported, student, tmp_path):
    from trl import SFTConfig, SFTTrainer

    grammar, tokenizer, model = student
    rows = loaded(exported("trl-sft", grammar), tmp_path)["train"]
    made = SFTTrainer(
        model=model, args=settings(SFTConfig, tmp_path / "out"), train_dataset=rows,
        processing_class=tokenizer,
    ).train_dataset  # fmt: skip
    for row, ids in zip(rows, made, strict=True):
        tools = row.get("tools")
        whole = tokenizer.apply_chat_template(row["messages"], tools=tools, tokenize=False)
        assert tokenizer.decode(ids["input_ids"]) == whole


def test_trl_prepares_unpaired_rows(exported, student, tmp_path):
    from trl import KTOConfig, KTOTrainer

    grammar, tokenizer, model = student
    rows = loaded(exported("trl-kto", grammar), tmp_path)["train"]
    args = settings(KTOConfig, tmp_path / "out")
    args.per_device_train_batch_size = 4
    made = KTOTrainer(
        model=model, args=args, train_dataset=rows, processing_class=tokenizer
    ).train_dataset
    assert [row["label"] for row in made] == [row["label"] for row in rows]
    assert len(made) == len(rows) > 0


def test_stepwise_rows_are_what_trl_documents(exported, tmp_path):
    from datasets import List, Value

    features = loaded(exported("trl-prm"), tmp_path)["train"].features
    assert features == {
        "prompt": Value("string"),
        "completions": List(Value("string")),
        "labels": List(Value("bool")),
    }
