"""Chains: the agent loop as a pure state machine, its prompts, and what it leaves behind."""

from fcpref.core.chains.chat import chat_rows, template_rows, told, wire_rows
from fcpref.core.chains.encoded import Encoded, Spoken, encode_sampled
from fcpref.core.chains.exemplars import Choice, Exemplar
from fcpref.core.chains.loop import ChainState, advance, begin, finish, messages, retrace
from fcpref.core.chains.prompts import (
    STUDENT,
    TEACHER,
    PromptSpec,
    prompt_of,
    render,
    schemas,
    shown,
)
from fcpref.core.chains.values import (
    Chain,
    Limits,
    Message,
    Reply,
    Stop,
    Turn,
    chain_id,
    replay,
    replies_of,
)

__all__ = [
    "STUDENT",
    "TEACHER",
    "Chain",
    "ChainState",
    "Choice",
    "Encoded",
    "Exemplar",
    "Limits",
    "Message",
    "PromptSpec",
    "Reply",
    "Spoken",
    "Stop",
    "Turn",
    "advance",
    "begin",
    "chain_id",
    "chat_rows",
    "encode_sampled",
    "finish",
    "messages",
    "prompt_of",
    "render",
    "replay",
    "replies_of",
    "retrace",
    "schemas",
    "shown",
    "template_rows",
    "told",
    "wire_rows",
]
