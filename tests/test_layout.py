import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "scipy.stats", "sympy", "httpx2", "transformers", "trl", "z3", "datasets")

LOADED = """
import json, sys
import {module}
print(json.dumps(sorted(sys.modules)))
"""

IDENTITIES = """
import json
from fcpref.core.chains import Limits, chain_id
from fcpref.core.codec import value_id
from fcpref.core.problems import problem_id
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task
from fcpref.core.tasks.fol_deduction import TASK

ids = [derive(0, "a", 1).random()]
for index in range(9):
    for knobs in ({"max_depth": 3}, {"formal": True, "others": 3}):
        problem = TASK.generate(knobs, 5, ("train", "dev", "test")[index % 3], index)
        chain = TASK.oracle_chain(problem, Limits())
        ids += [problem_id(problem), chain_id(chain), value_id(TASK.score(chain, problem))]
for name in ("fol.models", "fol.forms"):
    task = find_task(name)
    for index in range(6):
        problem = task.generate({}, 5, ("train", "dev", "test")[index % 3], index)
        chain = task.oracle_chain(problem, Limits())
        ids += [problem_id(problem), chain_id(chain), value_id(task.score(chain, problem))]
print(json.dumps(ids))
"""


def python(code, **variables):
    """Run code in a fresh interpreter and return what it printed, decoded."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "module",
    [
        "fcpref",
        "fcpref.errors",
        "fcpref.core.tasks",
        "fcpref.core.functions.proving",
        "fcpref.shell.stages",
        "fcpref.shell.solving",
    ],
)
def test_importing_is_light(module):
    loaded = set(python(LOADED.format(module=module)))
    assert module in loaded
    assert not [name for name in HEAVY if name in loaded]


def test_ids_do_not_depend_on_the_hash_seed():
    first, second = (python(IDENTITIES, PYTHONHASHSEED=seed) for seed in ("1", "4242"))
    assert first == second
    assert len(first) == 1 + 9 * 2 * 3 + 2 * 6 * 3


def test_no_module_names_a_place_on_a_machine():
    marks = ("/home/", "/Users/", "/root/", "/tmp/")  # noqa: S108 - what is looked for
    named = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "fcpref").rglob("*.py")
        if any(mark in path.read_text(encoding="utf-8") for mark in marks)
    ]
    assert not named
