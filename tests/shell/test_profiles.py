"""Profiles: what the shipped ones say, and what is wrong with a user's own."""

from __future__ import annotations

import pytest

from fcpref.core.chains import STUDENT, PromptSpec
from fcpref.core.pairs import PairSpec
from fcpref.core.training import RECIPES, DpoSpec, SftSpec
from fcpref.errors import UsageError
from fcpref.shell.profiles import FOLDER, load_profile
from fcpref.shell.recipe_runs import check

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
    told = '[oracle]\npolicy = "forward"\nslips = 0.1\n'
    oracle = load_profile(own(tmp_path, told)).oracle
    assert (oracle.policy, oracle.slips) == ("forward", 0.1)
    source = load_profile(own(tmp_path, text)).own
    assert (source.temperatures, source.until_both, source.complete) == ((0.0, 0.8), True, "prefix")


def test_a_recipe_has_figures_of_its_own_before_the_profiles(tmp_path):
    text = (
        "[pairs]\nkinds = ['oracle', 'step']\nweights = [1, 2]\nlimit = 48\n"
        "[dpo]\nbatch = 8\nlora.rank = 4\n"
        "[recipes.paper.pairs]\nlimit = 0\n[recipes.paper.dpo]\nlora.first_layer = 3\n"
    )
    path = own(tmp_path, text)
    paper, default = load_profile(path, "paper"), load_profile(path)
    # What the recipe says of pairs goes before the profile's [pairs], and its weights with it.
    assert paper.pairs == PairSpec(kinds=("chain",))
    assert (paper.dpo.batch, paper.dpo.lora.rank, paper.dpo.lora.first_layer) == (8, 4, 3)
    assert (default.recipe, default.pairs.limit, default.dpo.lora.first_layer) == ("sft+dpo", 48, 0)
    # And what the profile says for the recipe goes before that.
    said = load_profile(own(tmp_path, "[recipes.paper.pairs]\nkinds = ['step']\n"), "paper")
    assert said.pairs.kinds == ("step",)


def test_the_profiles_own_recipe_has_its_figures_too(tmp_path):
    text = 'recipe = "rounds"\nrounds = 3\n[recipes.rounds.own]\ncount = 9\n'
    profile = load_profile(own(tmp_path, text))
    assert (profile.recipe, profile.rounds, profile.own.count) == ("rounds", 3, 9)
    assert load_profile(own(tmp_path, text), "sft+dpo").own.count == 0


def test_the_default_profile_with_the_papers_recipe_draws_pairs_as_the_paper_does():
    paper = load_profile(None, "paper")
    assert paper.pairs == PairSpec(per_problem=4)
    assert paper.dpo == DpoSpec(learning_rate=5e-5, epochs=2, batch=4, max_tokens=1024)
    assert paper.evaluation == load_profile(None).evaluation


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", ["laptop", "gpu", "gsm8k"])
def test_shipped_profiles_have_figures_for_every_recipe(name, recipe, tmp_path, monkeypatch):
    (tmp_path / "gsm8k.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    check(load_profile(name, recipe))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe = 'grpa'\n", "unknown recipe 'grpa'; there are paper"),
        ("rounds = 1\n", "'rounds' must be >= 2"),
        ("rounds = 17\n", "'rounds' must be <= 16"),
        ("[recipes.grpa.dpo]\n", "unknown recipe 'grpa'; there are paper"),
        ("[recipes.paper.evaluation]\ncount = 1\n", r"\[recipes.paper\] must not set evaluation"),
        ("[recipes.sft]\nwarm_start = ''\n", "must not set warm_start, which is the same"),
        ("[recipes.paper.dpo]\nrate = 1\n", "rate"),
        ("[recipes]\npaper = 1\n", r"\[recipes.paper\] must be a table"),
        ("recipes = 1\n", r"\[recipes\] must be a table"),
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
