"""Profiles: what the shipped ones say, and what is wrong with a user's own."""

from __future__ import annotations

import pytest

from fcpref.core.chains import STUDENT, PromptSpec
from fcpref.core.training import SftSpec
from fcpref.errors import UsageError
from fcpref.shell.profiles import FOLDER, load_profile

SHIPPED = sorted(file.stem for file in FOLDER.glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_load_and_tell_their_name(name):
    assert load_profile(name).name == name


def test_the_default_starts_from_a_warm_start_and_trains_live():
    profile = load_profile(None)
    assert profile.name == "laptop"
    assert profile.warm_start
    assert profile.sft is None


def own(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text('student = "hub:a/b"\n' + text)
    return str(path)


def test_a_table_of_sft_asks_for_supervised_training_and_changes_only_what_it_names(tmp_path):
    assert load_profile(own(tmp_path, "")).sft is None
    assert load_profile(own(tmp_path, "[sft]\n")).sft == SftSpec()
    sft = load_profile(own(tmp_path, "[sft]\nlora.rank = 4\n")).sft
    assert sft is not None
    assert (sft.lora.rank, sft.epochs) == (4, SftSpec().epochs)


def test_a_profile_may_ask_for_probes(tmp_path):
    text = "[dpo.probe]\nevery = 20\ncount = 8\n[dpo.probe.knobs]\nmax_depth = 2\n"
    text += "[dpo.probe.limits]\ncalls = 9\n"
    probe = load_profile(own(tmp_path, text)).dpo.probe
    assert (probe.every, probe.count, probe.knobs) == (20, 8, {"max_depth": 2})
    assert (probe.limits.calls, probe.limits.tokens) == (9, 400)
    assert load_profile(own(tmp_path, "")).dpo.probe.every == 0


def test_a_profile_says_how_problems_are_shown(tmp_path):
    prompt = 'detail = "help"\nshots = 2\nexemplars = "spread"\nwithout = ["Reasoning"]\n'
    profile = load_profile(own(tmp_path, f"[own.prompt]\n{prompt}[evaluation.prompt]\n{prompt}"))
    asked = PromptSpec(detail="help", shots=2, exemplars="spread", without=("Reasoning",))
    assert (profile.own.prompt, profile.evaluation.prompt) == (asked, asked)
    assert load_profile(own(tmp_path, "")).own.prompt == STUDENT


def test_a_profile_says_how_chains_are_sampled(tmp_path):
    text = '[own]\ntemperatures = [0, 0.8]\nuntil_both = true\ncomplete = "prefix"\n'
    source = load_profile(own(tmp_path, text)).own
    assert (source.temperatures, source.until_both, source.complete) == ((0.0, 0.8), True, "prefix")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[own]\ncomplete = 'half'\n", "complete"),
        ("[own.prompt]\ndetail = 'help'\nexemplars = 'best'\n", "exemplars"),
        ("[own.prompt]\ndetail = 'help'\npicked = [1]\n", "picked"),
        ("wrong = 1\n", "wrong"),
        ("paired = ['nobody']\n", "paired"),
        ("[dpo]\nlearning_rate = -1\n", "learning_rate"),
        ("[dpo]\nrate = 1\n", "rate"),
        ("[dpo.probe]\nevry = 1\n", "evry"),
        ("[pairs]\nkind = 'words'\n", "kind"),
        ("dpo = 1\n", r"\[dpo\] must be a table"),
        ("[pairs\n", "TOML"),
    ],
)
def test_what_a_profile_cannot_say_is_refused_in_one_line_naming_file_and_field(
    tmp_path, text, said
):
    with pytest.raises(UsageError, match=said) as error:
        load_profile(own(tmp_path, text))
    assert "own.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_profile_lists_those_there_are():
    with pytest.raises(UsageError, match=", ".join(SHIPPED)):
        load_profile("nothing")
