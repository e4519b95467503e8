"""Call strings for fuzzing: real failed replies from the recordings, mutated; and how they fare."""

from __future__ import annotations

import gc
import gzip
import json
import sys
import time
from array import array
from collections import Counter
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from fcpref.core.chains import replay
from fcpref.core.codec import structure
from fcpref.core.functions import Call, FailureCode, Grammar, Memory, Value, read_call, show_call
from fcpref.core.functions.grammars import translate
from fcpref.core.problems import Problem, problem_id
from fcpref.core.seeds import Random, derive
from fcpref.core.tasks import TASKS, find_task

if TYPE_CHECKING:
    from collections.abc import Iterator

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
MEGABYTE = 1_000_000
_GRAMMARS: tuple[Grammar, ...] = ("python", "python", "python", "tools")
_RUN = 8  # strings that one chain goes on with
_HUGE = 0.0005
_PIECES = (
    *("\ud800", "\x00", "\u202e", "\u200b", "\ufeff", "\u2028", "\u0661\u0662", "\u00b2", "\u00bd"),
    *("\uff21dd(a=1, b=2)", "\u0430dd", "e\u0301", "\U0001f600", "\u2212", "\u00d7", "\r\n", "\t"),
    *("(", ")", "[", "]", "{", "}", "'", '"', "\\", "`", "```", "=", ",", ".", ";", ":", "#", "_"),
    *('{"name": "Add", "arguments": ', '"\\ud800"', "<tool_call>", "null", "[[", '{"a":'),
    *("**", "//", "^", "%", "!", "->", "<->", "~", "&", "|", "@", "1e60", "1e999", "-", "+", "/0"),
    *("0x1F", "1_000", "1__0", "1.2.3", "..", "10/3", "1/0", "nan", "inf", "9" * 59, "9" * 61),
    *("9^9^9^9", "x^6^6", "(x+1)^6", "x^999999", "9**9**9", "10^64", "factorial(999)", "999!"),
    *("__import__('os').system('id')", "eval('1')", "exec", "lambda: 0", "open('x')"),
    *("f'{x}'", "print(1)", "import os", "None", "True", "x for x in y", "*args", "**kw", ":="),
    *("forall x. ", "exists y. ", " not ", " and ", " or ", "Kind(max)", "is not not ", "All "),
    *("x = 5", "3(x - 4) + 5 = 2x + 11", "2x + 3y = 13", "x", "y + 4", "-", "price"),
)  # fmt: skip
_NESTS = (
    ("(", ")"),
    ("[", "]"),
    ('{"a": ', "}"),
    ("F(", ")"),
    ("not (", ")"),
    ("forall x. (", ")"),
    ("-(", ")"),
)
_EVENTS = ("exec", "compile", "import", "open", "os.", "subprocess.", "socket.", "ctypes.")


@cache
def _problems() -> dict[str, Problem]:
    found = {}
    for path in sorted((ARTIFACTS / "problems").glob("*.gz")):
        for line in _lines(path)[1:]:
            problem = structure(json.loads(line), Problem)
            found[problem_id(problem)] = problem
    return found


def _lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()


@cache
def failures(jobs: int | None = None) -> tuple[str, ...]:
    """Return recorded replies that failed when executed, each once.

    Args:
        jobs: chains taken from each recording; None for all.
    """
    found: dict[str, None] = {}
    for path in sorted((ARTIFACTS / "recording").glob("*.gz")):
        chains: dict[str, list[dict[str, Any]]] = {}
        for line in _lines(path)[1:]:
            row = json.loads(line)
            if row["job"] in chains or jobs is None or len(chains) < jobs:
                chains.setdefault(row["job"], []).append(row)
        for job, rows in chains.items():
            problem = _problems()[job.partition("/")[0]]
            replies = [row["text"] for row in sorted(rows, key=lambda row: row["step"])]
            outcomes, _ = replay(replies, find_task(problem.task).toolbox, problem)
            found |= {
                reply: None
                for reply, outcome in zip(replies, outcomes, strict=True)
                if outcome.code is not None
            }
    return tuple(found)


_TWO_WORDINGS = ("fol.deduction", "fol.models", "math.algebra")


@cache
def starts() -> tuple[Memory, ...]:
    """Return states in the middle of chains, of every task."""
    made = []
    stream = derive(0, "fuzz", "starts")
    recorded = sorted(_problems().items())
    for name, task in TASKS.items():
        if task.generate:
            knobs = [{"formal": True}, {}] if name in _TWO_WORDINGS else [{}]
            problems = [task.generate(knobs[i % len(knobs)], 3, "dev", i) for i in range(40)]
        else:
            problems = [problem for _, problem in recorded if problem.task == name][:40]
            problems = problems or [exemplar.problem for exemplar in task.exemplars]
        for problem in problems:
            replies = task.oracle(problem)
            kept = replies[: stream.randrange(len(replies))] if replies else ()
            made.append(replay(kept, task.toolbox, problem)[1])
    return tuple(made)


@cache
def _solutions() -> tuple[str, ...]:
    generated = [task for task in TASKS.values() if task.generate]
    return tuple(
        reply
        for task in generated
        for index in range(30)
        for reply in task.oracle(task.generate({}, 9, "dev", index))
    )


def string(
    seeds: tuple[str, ...], memory: Memory, stream: Random, grammar: Grammar = "python"
) -> str:
    """Return a hostile reply: a recorded failure, a right call or a well-formed one, mutated."""
    kind = stream.random()
    if kind < 0.6:
        # Well-formed, so that it gets as far as the function itself.
        text = _call(memory, seeds, stream)
        times = stream.choice((0, 0, 0, 1))
    else:
        text = stream.choice(seeds if kind < 0.9 else _solutions())
        times = stream.randrange(5)
    text = translate(text, grammar)
    for _ in range(times):
        text = _mutated(text, seeds, stream)
    if stream.random() < _HUGE:
        text = (text or "x") * (MEGABYTE // max(1, len(text)))
    return text


def _call(memory: Memory, seeds: tuple[str, ...], stream: Random) -> str:
    signature = stream.choice(find_task(memory.problem.task).toolbox.functions).signature
    values: list[Value] = [_value(memory, seeds, stream) for _ in signature.parameters]
    names = [parameter.name for parameter in signature.parameters]
    return show_call(Call(function=signature.name, keywords=tuple(zip(names, values, strict=True))))


def _value(memory: Memory, seeds: tuple[str, ...], stream: Random) -> Value:
    kind = stream.random()
    if kind < 0.3:
        digits = stream.choice((1, 2, 3, 10, 59))
        return Fraction(
            stream.randrange(-(10**digits), 10**digits), stream.choice((1, 1, 1, 10, 7, 10**6))
        )
    problem = memory.problem
    known = [fact.key for fact in memory.facts]
    known += [text for one in problem.givens for text in (one.text, one.formula)]
    known += [problem.claim.formula, "x"] if problem.claim else ["5"]
    text = stream.choice(known)
    if kind < 0.6:
        return text
    if kind < 0.8:
        return _mutated(text, seeds, stream)
    size = stream.choice((1, 2, 5, 40, 160))
    return "".join(stream.choice(_PIECES) for _ in range(stream.randint(0, size)))


def _mutated(text: str, seeds: tuple[str, ...], stream: Random) -> str:
    at = stream.randint(0, len(text))
    end = min(len(text), at + stream.randint(0, 12))
    match stream.randrange(10):
        case 0:
            return text[:at] + text[end:]
        case 1 | 2:
            return text[:at] + stream.choice(_PIECES) + text[end:]
        case 3:
            return text[:at] + stream.choice(seeds)[-stream.randint(1, 60) :]
        case 4:
            return text[:at] + text[at:end] * stream.choice((2, 3, 30, 300)) + text[end:]
        case 5:
            left, right = stream.choice(_NESTS)
            depth = stream.choice((1, 5, 9, 15, 61, 400, 1_500))
            closing = right * (depth - stream.randrange(2))
            return text[:at] + left * depth + text[at:end] + closing + text[end:]
        case 6:
            return text[:at] + str(stream.randrange(10 ** stream.randint(1, 70))) + text[end:]
        case 7:
            return text[:at] + chr(stream.randrange(0x110000)) + text[end:]
        case 8:
            return text + stream.choice(("\n", " ", ";", "")) + stream.choice(seeds)
    words = text.split(" ")
    stream.shuffle(words)
    return " ".join(words)


@define
class Fared:
    """What came of executing strings.

    Attributes:
        codes: how often each failure code came, None for a result.
        raised: strings that raised.
        ran: audit events of code that was run, files that were opened, and the like.
        nanoseconds: CPU time of each execution.
        slowest: the string that took longest.
        told: length of the longest outcome, in bytes of UTF-8.
    """

    codes: Counter[FailureCode | None] = field(factory=Counter)
    raised: list[str] = field(factory=list)
    ran: list[str] = field(factory=list)
    nanoseconds: array[int] = field(factory=lambda: array("q"))
    slowest: str = ""
    told: int = 0

    @property
    def median(self) -> float:
        """Return the median in milliseconds."""
        return sorted(self.nanoseconds)[len(self.nanoseconds) // 2] / 1e6

    @property
    def worst(self) -> float:
        """Return the longest time in milliseconds."""
        return max(self.nanoseconds) / 1e6


def fare(count: int, part: int, seeds: tuple[str, ...]) -> Fared:
    """Execute `count` strings against states of every task, and score what they leave."""
    fared, stream = Fared(), derive(0, "fuzz", part)
    states, clock = starts(), time.process_time_ns
    longest = 0
    _solutions()  # kept from here on: generating problems compiles code of its own
    with _watched(fared.ran):
        for done in range(0, count, _RUN):
            memory = stream.choice(states)
            task, grammar = find_task(memory.problem.task), stream.choice(_GRAMMARS)
            for _ in range(min(_RUN, count - done)):
                text = string(seeds, memory, stream, grammar)
                before = clock()
                try:
                    effect = read_call(text, task.toolbox, memory, grammar)
                except Exception:  # noqa: BLE001 - what is looked for
                    fared.raised.append(text)
                    continue
                took = clock() - before
                fared.nanoseconds.append(took)
                if took > longest:
                    longest, fared.slowest = took, text
                fared.codes[effect.outcome.code] += 1
                fared.told = max(fared.told, len(effect.outcome.text.encode()))
                memory = effect.memory
            task.support(memory)
            if done % 20_000 == 0:
                gc.collect()
    return fared


_armed: list[list[str]] = []


def _hook(event: str, _: object) -> None:
    if _armed and event.startswith(_EVENTS):
        _armed[-1].append(event)


@contextmanager
def _watched(events: list[str]) -> Iterator[None]:
    """Note what the interpreter is made to run; without collector pauses in the timings."""
    if not getattr(sys, "_fcpref_audited", False):
        sys.addaudithook(_hook)
        sys._fcpref_audited = True  # type: ignore[attr-defined] # hooks cannot be removed
    gc.collect()
    gc.disable()
    _armed.append(events)
    try:
        yield
    finally:
        _armed.pop()
        gc.enable()
