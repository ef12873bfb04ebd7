"""Whatever bytes come: every parser of ours answers with a value or a problem of its own kind, never with a crash."""

from __future__ import annotations

import pytest
from bench.security.parsers import PARSERS, bent
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.kit.errors import Problem


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
async def test_a_parser_answers_or_refuses(name: str, data: st.DataObject) -> None:
    parser = PARSERS[name]
    raw = data.draw(
        st.binary(max_size=400) | st.builds(bent, st.randoms(use_true_random=False), st.sampled_from(parser.seeds))
    )
    try:
        await parser.parse(raw)
    except Problem as problem:
        assert 400 <= problem.status < 500, problem
