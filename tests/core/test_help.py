from fractions import Fraction

import pytest

from fcpref.core.functions import Parameter, Signature, help_text, json_schema
from fcpref.core.functions.help import signature_text

SIGNATURE = Signature(
    name="Scale",
    parameters=(
        Parameter(name="n", kind="number", description="what to scale"),
        Parameter(name="times", kind="number", description="how often", default=Fraction(1, 2)),
        Parameter(name="unit", kind="text", description="its unit", default="kg"),
    ),
    description="Scale a number.",
    example="Scale(n=3)",
    group="solve",
)


def test_the_short_form_names_the_parameters():
    assert signature_text(SIGNATURE) == "Scale(n, times, unit)"


def test_the_help_shows_types_defaults_description_and_example():
    assert help_text(SIGNATURE) == (
        "Scale(n: number, times: number = 0.5, unit: text = 'kg') - Scale a number.\n"
        "  Example: Scale(n=3)"
    )


def test_the_schema_is_what_chat_templates_take():
    assert json_schema(SIGNATURE) == {
        "type": "function",
        "function": {
            "name": "Scale",
            "description": "Scale a number.",
            "parameters": {
                "type": "object",
                "properties": {
                    "n": {"type": "number", "description": "what to scale"},
                    "times": {"type": "number", "description": "how often"},
                    "unit": {"type": "string", "description": "its unit"},
                },
                "required": ["n"],
            },
        },
    }


def test_a_brief_schema_leaves_out_what_parameters_mean():
    full, brief = (json_schema(SIGNATURE, described=described) for described in (True, False))
    for one in full["function"]["parameters"]["properties"].values():
        del one["description"]
    assert brief == full


@pytest.mark.parametrize(
    ("default", "shown"),
    [(Fraction(1, 3), "'1/3'"), (Fraction(2), "2"), ("it's", '"it\'s"'), ((Fraction(1),), "[1]")],
)
def test_a_default_is_shown_as_it_would_be_written_in_a_call(default, shown):
    parameter = Parameter(name="a", kind="number", description="", default=default)
    signature = Signature(
        name="F", parameters=(parameter,), description="D.", example="F()", group="solve"
    )
    assert help_text(signature) == f"F(a: number = {shown}) - D.\n  Example: F()"
