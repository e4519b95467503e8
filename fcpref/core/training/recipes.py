"""Recipes: training steps in an order, each recipe with where it comes from."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from attrs.validators import min_len

from fcpref.core.pairs import Origin
from fcpref.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

StepKind = Literal["sft", "dpo"]
ChainSource = Literal["oracle", "teacher", "own"]

DEFAULT_RECIPE = "sft+dpo"
_KINDS: Mapping[StepKind, str] = MappingProxyType({"sft": "SFT", "dpo": "DPO"})


@frozen(kw_only=True)
class Step:
    """One training step.

    Attributes:
        kind: sft or dpo.
        chains: whose chains are trained on: the oracle's, the teacher's, or the student's own,
            sampled from what the steps before came to; an sft step has the oracle correct those.
            Of several, the profile may take some.
        pairs: the builders that pair them, see `Origin`; empty leaves that to the profile.
        each_round: whether the step is done once a round, each time on the policy that the round
            before came to, with chains sampled anew from it. That policy is the reference too.
    """

    kind: StepKind
    chains: tuple[ChainSource, ...] = field(validator=min_len(1))
    pairs: tuple[Origin, ...] = ()
    each_round: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse what a step cannot train on.

        Raises:
            ValueError: an sft step names builders of pairs, or a dpo step takes the oracle's
                chains, which are all correct.
        """
        if self.kind == "sft" and self.pairs:
            raise ValueError(f"an sft step trains on chains, not on pairs: {self.pairs}")
        if self.kind == "dpo" and "oracle" in self.chains:
            raise ValueError("a dpo step pairs no chains of the oracle, which are all correct")


@frozen(kw_only=True)
class Recipe:
    """A named way from a base student to a trained one; sizes and rates are the profile's.

    Attributes:
        name: as `fcpref run --recipe` takes it.
        summary: one line for people.
        steps: first to last.
        source: where the recipe comes from, in a sentence with its citation.
    """

    name: str
    summary: str
    steps: tuple[Step, ...] = field(validator=min_len(1))
    source: str

    @property
    def in_rounds(self) -> bool:
        """Whether a step is done once a round."""
        return any(step.each_round for step in self.steps)


def steps_text(recipe: Recipe) -> str:
    """Return a recipe's steps in words: "SFT on oracle and teacher chains; DPO on own chains"."""
    return "; ".join(map(_step_text, recipe.steps))


def _step_text(step: Step) -> str:
    paired = f", paired by {' and '.join(step.pairs)}" if step.pairs else ""
    rounds = ", in rounds" if step.each_round else ""
    return f"{_KINDS[step.kind]} on {' and '.join(step.chains)} chains{paired}{rounds}"


_WARM_UP = Step(kind="sft", chains=("oracle", "teacher"))

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                name="paper",
                summary="DPO alone, on the teacher's correct and incorrect chains",
                steps=(Step(kind="dpo", chains=("teacher",), pairs=("chain",)),),
                source="Manduzio et al. 2024 (arXiv 2410.18890): the small model is trained by DPO "
                "on a large model's chains, paired by whether they came to the right answer.",
            ),
            Recipe(
                name="sft",
                summary="supervised training on verified correct chains, and nothing after it",
                steps=(_WARM_UP,),
                source="Fine-tuning on chains whose answer was checked: STaR (Zelikman et al. "
                "2022, arXiv 2203.14465), rejection sampling fine-tuning (Yuan et al. 2023, arXiv "
                "2308.01825).",
            ),
            Recipe(
                name=DEFAULT_RECIPE,
                summary="supervised training, then DPO once against that policy; the default",
                steps=(_WARM_UP, Step(kind="dpo", chains=("teacher", "own"))),
                source="DPO from a supervised policy, which is its reference: Rafailov et al. 2023 "
                "(arXiv 2305.18290), and so TRL's documentation of DPOTrainer.",
            ),
            Recipe(
                name="rounds",
                summary="supervised training, then rounds: sample the student, verify, pair, DPO",
                steps=(_WARM_UP, Step(kind="dpo", chains=("own",), each_round=True)),
                source="Iterative DPO on the model's own samples: Xu et al. 2023 (arXiv "
                "2312.16682), Self-Rewarding Language Models (Yuan et al. 2024, arXiv "
                "2401.10020), and, on verified reasoning with a likelihood term, Iterative "
                "Reasoning Preference Optimization (Pang et al. 2024, arXiv 2404.19733).",
            ),
            Recipe(
                name="corrections",
                summary="supervised training, then rounds of it on the student's own chains, with "
                "the oracle in place of the call that each incorrect one ended by",
                steps=(_WARM_UP, Step(kind="sft", chains=("own",), each_round=True)),
                source="DAgger (Ross, Gordon and Bagnell 2011, arXiv 1011.0686): a student is "
                "trained on what an expert does where the student itself has come to.",
            ),
        )
    }
)


def find_recipe(name: str) -> Recipe:
    """Return a recipe by name.

    Raises:
        UsageError: there is no such recipe; the message lists those there are.
    """
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]
