"""Help text and JSON schema of a function, both from its one signature."""

from __future__ import annotations

from typing import Any

from fcpref.core.functions.grammar import show_call
from fcpref.core.functions.values import Call, Parameter, Signature


def signature_text(signature: Signature) -> str:
    """Return ``Add(a, b)``: all that a trained student is shown."""
    return f"{signature.name}({', '.join(p.name for p in signature.parameters)})"


def help_text(signature: Signature) -> str:
    """Return the signature with types, the description and the example, in two lines."""
    typed = ", ".join(f"{p.name}: {p.kind}{_default(p)}" for p in signature.parameters)
    head = f"{signature.name}({typed}) - {signature.description}"
    return f"{head}\n  Example: {signature.example}"


def json_schema(signature: Signature, *, described: bool = True) -> dict[str, Any]:
    """Return the function as chat templates and OpenAI-compatible servers take it.

    Args:
        signature: of the function.
        described: say what each parameter means.
    """
    properties = {p.name: _property(p, described=described) for p in signature.parameters}
    required = [p.name for p in signature.parameters if p.default is None]
    return {
        "type": "function",
        "function": {
            "name": signature.name,
            "description": signature.description,
            "parameters": {"type": "object", "properties": properties, "required": required},
        },
    }


def _property(parameter: Parameter, *, described: bool) -> dict[str, str]:
    kind = {"type": "string" if parameter.kind == "text" else "number"}
    return kind | ({"description": parameter.description} if described else {})


def _default(parameter: Parameter) -> str:
    if parameter.default is None:
        return ""
    shown = show_call(Call(function="", positional=(parameter.default,)))[1:-1]
    return f" = {shown}"
