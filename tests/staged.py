"""What tests of stages start from: a teacher that is right half of the time, and a file of rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fcpref.core.chains import STUDENT, Limits, Reply
from fcpref.errors import EndpointError
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.sampling import SamplePlan

if TYPE_CHECKING:
    from pathlib import Path

KNOBS = {"max_depth": 2, "distractors": 2}
PLAN = SamplePlan(samples=2, prompt=STUDENT, limits=Limits(calls=12))


class Teacher:
    """Solves even samples and gives nonsense for odd ones; can break down."""

    def __init__(self, problems, breaks_after=10**9):
        self._oracle = OracleEngine(problems)
        self._left = breaks_after
        self.asked = 0

    @property
    def identity(self):
        return {"engine": "openai", "model": "teacher", "sampling": "temperature 1"}

    def run(self, requests, on_reply):
        def reply(request, answer):
            self._left -= 1
            if self._left < 0:
                raise EndpointError("the server went away")
            self.asked += 1
            return on_reply(request, answer)

        for request in requests:
            following = request
            while request.job.endswith("1") and following is not None:
                following = reply(following, Reply(text="hm", tokens=2))
        self._oracle.run([r for r in requests if r.job.endswith("0")], reply)


def gsm8k_file(folder: Path, rows: int = 40) -> Path:
    path = folder / "train.jsonl"
    lines = [
        {"question": f"Ann has {n} apples and buys 2 more. How many?", "answer": answer(n)}
        for n in range(rows)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def answer(n: int) -> str:
    return f"{n} + 2 = <<{n}+2={n + 2}>>{n + 2}\n#### {n + 2}"
