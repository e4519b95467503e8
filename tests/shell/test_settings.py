"""Settings by name: read from text, applied to a frozen value."""

from __future__ import annotations

import pytest

from fcpref.core.codec import unstructure
from fcpref.core.pairs import PairSpec
from fcpref.core.training import SftSpec
from fcpref.errors import UsageError
from fcpref.shell.settings import changed, settings


def test_a_setting_is_json_or_else_text():
    texts = ["epochs=2", "lora.rank=8", "loss=ipo", "formal=true", "note=a=b", "empty="]

    assert settings(texts) == {
        "epochs": 2,
        "lora.rank": 8,
        "loss": "ipo",
        "formal": True,
        "note": "a=b",
        "empty": "",
    }


def test_settings_are_read_by_the_parser_given():
    assert settings(["base=1e10"], parse=str) == {"base": "1e10"}


@pytest.mark.parametrize(
    ("texts", "said"),
    [(["x"], "not of the form NAME=VALUE"), (["=1"], "NAME=VALUE"), (["x=1", "x=1"], "twice")],
)
def test_what_is_no_setting_is_refused(texts, said):
    with pytest.raises(UsageError, match=said):
        settings(texts)


def test_settings_are_typed():
    spec = changed(SftSpec(), {"lora.rank": 4, "learning_rate": 1})

    assert (spec.lora.rank, spec.learning_rate) == (4, 1.0)
    for wrong in ({"rank": 4}, {"lora.depth": 4}, {"epochs": "2"}, {"epochs": 0}, {"seed.x": 1}):
        with pytest.raises(UsageError, match="setting"):
            changed(SftSpec(), wrong)


def test_a_field_that_came_later_is_set_by_name_and_left_out_while_it_is_not():
    spec = changed(PairSpec(), {"corruptions": ["digit"]})

    assert spec.corruptions == ("digit",)
    assert "corruptions" not in unstructure(PairSpec())
    with pytest.raises(UsageError, match="digit, argument"):
        changed(PairSpec(), {"corruptions": ["typo"]})


def test_settings_go_into_a_value_that_is_left_out_and_into_free_names():
    spec = changed(SftSpec(), {"probe.every": 5, "probe.knobs.max_depth": 2})
    assert (spec.probe.every, spec.probe.count) == (5, 16)
    again = changed(spec, {"probe.knobs.names": 3, "probe.limits.calls": 9})
    assert again.probe.knobs == {"max_depth": 2, "names": 3}
    assert (again.probe.every, again.probe.limits.calls) == (5, 9)
    assert spec.probe.knobs == {"max_depth": 2}
    with pytest.raises(UsageError, match=r"no setting 'probe\.evry'; there are every, count, task"):
        changed(spec, {"probe.evry": 5})
    with pytest.raises(UsageError, match=r"no setting 'prob\.every'; there are epochs, batch"):
        changed(spec, {"prob.every": 5})


def test_a_setting_whose_outer_name_was_left_out_is_told_in_full():
    with pytest.raises(
        UsageError, match=r"^there is no setting 'dora'; 'lora\.dora' may be meant$"
    ):
        changed(SftSpec(), {"dora": True})


def test_what_no_single_field_is_at_fault_for_has_no_path():
    with pytest.raises(UsageError, match=r"leave it out with full$"):
        changed(SftSpec(), {"method": "full", "lora.rank": 8})
    with pytest.raises(UsageError, match=r"got str '2' @ \$\.epochs$"):
        changed(SftSpec(), {"epochs": "2"})
