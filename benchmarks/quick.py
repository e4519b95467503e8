"""What takes seconds: calls against Microchain, start-up, executing and scoring chains."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from fcpref.core.chains import Limits, replay
from fcpref.core.functions import Memory, read_call
from fcpref.core.tasks import find_task

Row = tuple[str, str, str, float | None]
"""Name, our figure, the peer's, and how many times faster than the peer we are."""


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(
    ours: Callable[[], object], peer: Callable[[], object], repeats: int = 5
) -> tuple[float, float, float]:
    """Run both in turns; return the median time of each and the median of the runs' ratios.

    A machine that others use is slow now and fast then, for both of a pair alike.
    """
    runs = [(seconds(ours), seconds(peer)) for _ in range(repeats)]
    ratio = statistics.median(theirs / own for own, theirs in runs)
    return (*map(statistics.median, zip(*runs, strict=True)), ratio)


def calls(count: int = 10_000) -> Row:
    """Parse and execute one call, as Microchain's `Engine.execute` does."""
    name = "parse and execute Add(a=2, b=n)"
    task = find_task("math.word")
    assert task.generate is not None
    memory = Memory(problem=task.generate({}, 0, "train", 0))
    texts = [f"Add(a=2, b={n})" for n in range(count)]
    assert read_call(texts[40], task.toolbox, memory).outcome.text == "42"

    def all_of_them() -> None:
        for text in texts:
            read_call(text, task.toolbox, memory)

    engine = _microchain()
    if engine is None:
        shown = f"{count / seconds(all_of_them):,.0f} calls/s"
        return name, shown, "skipped: needs pip install -e '.[bench]'", None
    assert engine.execute(texts[40])[1] == "42"
    ours, theirs, ratio = paired(
        all_of_them, lambda: [engine.execute(text) for text in texts], repeats=9
    )
    return name, f"{count / ours:,.0f} calls/s", f"Microchain {count / theirs:,.0f} calls/s", ratio


def _microchain() -> Any:  # noqa: ANN401 - not a dependency, so it has no type here
    try:
        from microchain import Engine, Function
    except ImportError:
        return None

    class Add(Function):
        description = "Add two numbers"
        example_args = [2, 2]  # noqa: RUF012 - Microchain wants a list

        def __call__(self, a: float, b: float) -> float:
            return a + b

    engine = Engine()
    engine.register(Add())
    engine.bind(object())
    assert engine.help  # it refuses to execute before somebody has read this
    return engine


def startup() -> Row:
    """Start `fcpref --help`, and an interpreter that does nothing."""

    def child(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    ours, bare, ratio = paired(
        lambda: child("from fcpref.cli import main; main(['--help'])"), lambda: child("pass")
    )
    return (
        "fcpref --help",
        f"{ours * 1000:.0f} ms",
        f"python -c pass {bare * 1000:.0f} ms",
        ratio,
    )


def scoring(problems: int = 250, count: int = 10_000) -> Row:
    """Execute oracle chains of two tasks again and score them completely, and execute them only.

    There are twenty for each problem, as sampled chains are; each problem's oracle is run once.
    """
    work = []
    for name in ("fol.deduction", "math.word"):
        task = find_task(name)
        assert task.generate is not None
        some = [task.generate({}, 1, "train", index) for index in range(problems)]
        work += [(task, task.oracle_chain(problem, Limits()), problem) for problem in some]
    assert all(task.score(chain, problem).correct for task, chain, problem in work)
    work *= count // len(work)
    replies = [(t, [turn.reply for turn in chain.turns], problem) for t, chain, problem in work]
    ours, bare, ratio = paired(
        lambda: [task.measured(chain, problem) for task, chain, problem in work],
        lambda: [replay(said, t.toolbox, problem) for t, said, problem in replies],
        repeats=3,
    )
    name = f"execute and score {len(work):,} chains"
    return name, f"{ours:.1f} s", f"execution alone {bare:.1f} s", ratio
