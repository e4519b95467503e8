"""Keys of replies: what they depend on, and that they stay as they are."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import TEACHER, Message, schemas
from fcpref.core.tasks import find_task
from fcpref.shell.engines.base import Request
from fcpref.shell.reply_keys import ReplyKeys, opening_hash, reply_key
from tests.recorded import IDENTITY, SAID, TASK, texts


def test_keys_of_python_replies_are_those_of_before_there_were_two_grammars() -> None:
    request = Request(job="p/0", step=0, messages=SAID)
    assert reply_key({"engine": "fake"}, request) == "58f907705db875aa41c358ff68cfda07"
    assert opening_hash(request) == "4d1ed235d327"


def test_a_key_depends_on_the_function_schemas() -> None:
    spec = evolve(TEACHER, grammar="tools")
    tools = schemas(spec, TASK.toolbox), schemas(spec, find_task("fol.deduction").toolbox)
    brief = schemas(evolve(spec, detail="signatures"), TASK.toolbox)
    requests = [Request(job="p/0", step=0, messages=SAID, tools=t) for t in ((), *tools, brief)]
    assert len({reply_key(IDENTITY, request) for request in requests}) == 4
    assert len({opening_hash(request) for request in requests}) == 4


@given(
    chats=st.lists(
        st.lists(
            st.builds(
                Message, role=st.sampled_from(["user", "assistant", "tool"]), content=texts()
            ),
            max_size=4,
        ),
        min_size=1,
        max_size=6,
    ),
    jobs=st.lists(st.sampled_from(["p/0", "p/1", "q/0"]), min_size=6, max_size=6),
    tools=st.lists(st.booleans(), min_size=6, max_size=6),
    temperatures=st.lists(st.sampled_from([None, 0.0, -0.0, 1, 0.7]), min_size=6, max_size=6),
)
def test_keys_that_grow_with_the_chat_are_those_of_the_whole_chat(
    chats, jobs, tools, temperatures
) -> None:
    keys = ReplyKeys(IDENTITY)
    schema = schemas(evolve(TEACHER, grammar="tools"), TASK.toolbox)
    said: tuple[Message, ...] = ()
    for number, chat in enumerate(chats):
        # Mostly the chat goes on; a shorter one is another chain's, or one begun again.
        said = (*said, *chat) if number % 3 else tuple(chat)
        request = Request(
            job=jobs[number],
            step=number,
            messages=said,
            tools=schema if tools[number] else (),
            temperature=temperatures[number],
        )
        assert keys.of(request) == reply_key(IDENTITY, request)
