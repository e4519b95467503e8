"""Generating problems, against reasoning-gym's generators of the nearest kind."""

from __future__ import annotations

from itertools import count
from typing import Any

from benchmarks.quick import Row, paired, seconds
from fcpref.core.tasks import find_task

PEERS = {"fol.deduction": "propositional_logic", "math.word": "gsm_symbolic"}


def generation(task: str, problems: int = 200) -> Row:
    """Generate problems with their answers; ours come with the split, which its peer has not."""
    generate = find_task(task).generate
    assert generate is not None
    # Another seed at each repeat: what is kept from one would make the next one look fast.
    seeds, others = count(), count()

    def ours() -> None:
        seed = next(seeds)
        made = [generate({}, seed, "train", index) for index in range(problems)]
        assert all(problem.text and problem.gold for problem in made)

    name = f"generate {problems} problems, {task}"
    peer = _reasoning_gym()
    ours()
    if peer is None:
        shown = f"{problems / seconds(ours):,.0f} problems/s"
        return name, shown, "skipped: needs pip install -e '.[bench]'", None

    def theirs() -> None:
        made = peer.create_dataset(PEERS[task], size=problems, seed=next(others))
        assert all(made[index]["question"] for index in range(problems))

    theirs()
    own, other, ratio = paired(ours, theirs, repeats=7)
    shown = f"{problems / own:,.0f} problems/s"
    return name, shown, f"reasoning-gym {PEERS[task]} {problems / other:,.0f} problems/s", ratio


def _reasoning_gym() -> Any:  # noqa: ANN401 - not a dependency, so it has no type here
    try:
        import reasoning_gym
    except ImportError:
        return None
    return reasoning_gym
