"""Total execution: any reply, any state -> an outcome and the next state."""

from __future__ import annotations

from fractions import Fraction

from attrs import evolve

from fcpref.core.functions.grammar import show_call
from fcpref.core.functions.grammars import parse
from fcpref.core.functions.values import (
    Call,
    Effect,
    FailureCode,
    Grammar,
    Memory,
    Outcome,
    Parameter,
    Signature,
    Toolbox,
    Value,
    fail,
)
from fcpref.core.numbers import read_number, show_number, too_large


def read_call(reply: str, toolbox: Toolbox, memory: Memory, grammar: Grammar = "python") -> Effect:
    """Parse and execute a model's reply; a failure is an outcome, never an exception."""
    call = parse(reply, grammar)
    if isinstance(call, Outcome):
        return Effect(outcome=call, memory=evolve(memory, steps=memory.steps + 1))
    return execute(call, toolbox, memory)


def execute(call: Call, toolbox: Toolbox, memory: Memory) -> Effect:
    """Execute a call: bind its arguments, refuse an identical repetition, run the function.

    A verifying call may be repeated once a later call has established something: it asks anew.
    """
    effect, identity, verifies = _execute(call, toolbox, memory)
    after = effect.memory
    calls = after.calls
    if effect.outcome.code is None:
        calls = calls | {_asked(identity, after) if verifies else identity}
    return Effect(outcome=effect.outcome, memory=evolve(after, steps=memory.steps + 1, calls=calls))


def _execute(call: Call, toolbox: Toolbox, memory: Memory) -> tuple[Effect, str, bool]:
    """Return what the call did, its text with its arguments bound, and whether it verifies."""
    if memory.answer is not None:
        text = "the chain has ended with Answer"
        return fail(memory, FailureCode.NOT_APPLICABLE, text), "", False
    function = toolbox.find(call.function)
    if function is None:
        names = ", ".join(f.signature.name for f in toolbox.functions)
        text = f"no function {call.function}; there are {names}"
        return fail(memory, FailureCode.UNKNOWN_FUNCTION, text), "", False
    bound = _bind(call, function.signature)
    if isinstance(bound, Outcome):
        return Effect(outcome=bound, memory=memory), "", False
    identity = show_call(Call(function=call.function, keywords=tuple(bound.items())))
    verifies = function.signature.group == "verify"
    if (_asked(identity, memory) if verifies else identity) in memory.calls:
        text = "this call was made before"
        return fail(memory, FailureCode.REPEATED_CALL, text), identity, verifies
    return function.run(bound, memory), identity, verifies


def _asked(identity: str, memory: Memory) -> str:
    """Return a verifying call's text with the last call that established what it looks at."""
    latest = -1
    if memory.facts:
        latest = memory.facts[-1].call
    if memory.formalised:
        latest = max(latest, memory.formalised[-1].call)
    return f"{identity} after {latest}"


def _bind(call: Call, signature: Signature) -> dict[str, Value] | Outcome:
    names = [parameter.name for parameter in signature.parameters]
    if len(call.positional) > len(names):
        return _failure(FailureCode.EXTRA_ARGUMENT, signature, f"takes {len(names)} arguments")
    given: dict[str, Value] = {}
    if call.positional:
        given = dict(zip(names, call.positional, strict=False))
    for name, value in call.keywords:
        if name not in names:
            return _failure(FailureCode.EXTRA_ARGUMENT, signature, f"has no argument {name}")
        if name in given:
            return _failure(FailureCode.EXTRA_ARGUMENT, signature, f"got {name} twice")
        given[name] = value
    bound: dict[str, Value] = {}
    for parameter in signature.parameters:
        argument = given.get(parameter.name, parameter.default)
        if argument is None:
            return _failure(FailureCode.MISSING_ARGUMENT, signature, f"needs {parameter.name}")
        typed = _typed(argument, parameter)
        if isinstance(typed, Outcome):
            return typed
        bound[parameter.name] = typed
    return bound


def _typed(value: Value, parameter: Parameter) -> Value | Outcome:
    if parameter.kind == "text":
        if isinstance(value, Fraction):
            return show_number(value)
        if isinstance(value, str):
            return value
        return _type_failure(parameter)
    number = read_number(value) if isinstance(value, str) else value
    if not isinstance(number, Fraction):
        return _type_failure(parameter)
    if too_large(number):
        return Outcome(text=f"Error: {parameter.name} is too large", code=FailureCode.LIMIT)
    return number


def _type_failure(parameter: Parameter) -> Outcome:
    text = f"Error: {parameter.name} must be a {parameter.kind}"
    return Outcome(text=text, code=FailureCode.ARGUMENT_TYPE)


def _failure(code: FailureCode, signature: Signature, text: str) -> Outcome:
    return Outcome(text=f"Error: {signature.name} {text}", code=code)
