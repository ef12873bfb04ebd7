"""How written text is said. Expected values are what a person would read aloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.adapters.tts.spoken_text import spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Mail bob.smith@example.com.", "Mail bob dot smith at example dot com."),
        ("a_b-c+d@mail.example.co.uk", "a underscore b dash c plus d at mail dot example dot co dot U K"),
        ("See https://www.example.com/docs/page?id=3#top.", "See example dot com slash docs slash page."),
        ("(http://user:secret@example.org/)", "(example dot org)"),
        ("Try acme.ai or www.acme.io!", "Try acme dot A. I or acme dot I O!"),
        ("It costs 20€, US$5 or 7.50 EUR.", "It costs €20, $5 or 7.50 euros."),
        ("Call +1 (415) 555-2671.", "Call plus 1, 4 1 5, 5 5 5, 2 6 7 1."),
        ("Call 415.555.2671", "Call 4 1 5, 5 5 5, 2 6 7 1"),
        ("Card 4111 1111 1111 1111", "Card 4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1"),
        ("Your code is 0042.", "Your code is 0 0 4 2."),
        ("Order 12345678 has 1,234,567 parts", "Order 1 2 3 4 5 6 7 8 has 1,234,567 parts"),
        ("At 10:05 on 01/02/2026 and 2026-01-05", "At 10:05 on 01/02/2026 and 2026-01-05"),
        ("v2.1.3 on 192.168.0.1", "version 2 point 1 point 3 on 192 dot 168 dot 0 dot 1"),
        ("-5°C, ~50 items, 3pm-5pm", "minus 5°C, about 50 items, 3pm to 5pm"),
        ("2½ cups and ¾ of it", "2 and one half cups and three quarters of it"),
        ("e.g. tea, i.e., hot", "for example, tea, that is, hot"),
        ("open 24/7 and/or 20 km/h", "open twenty-four seven and or 20 km/h"),
        ("3 * 4 ≥ 12", "3 times 4 at least 12"),
        ("# Title\n\n* **bold** and _soft_\n- `code` [here](https://x.org/a)", "Title bold and soft code here"),
        ("| a | b |\n|---|:-:|\n| c | d |", "a, b c, d"),
        ("<p>Hi<br/>there</p>", "Hi there"),
        ("[word](/kˈɑm/)", "word"),
        ("Great! 😀👍🏽 Let's go 🎉.", "Great! Let's go."),
        ("Really?!! Yes......", "Really? Yes..."),
        ("#12 is number A1", "number 12 is number A1"),
        ("zero\u200bwidth \x00\x07 bell", "zerowidth bell"),
    ],
)
def test_written_text_is_said_as_a_person_would(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize("text", ["", "  \n", "...", "😀", "---", "```", "[]()", "\u200b"])
def test_nothing_to_say_is_empty(text: str) -> None:
    assert spoken(text) == ""


@given(st.text(max_size=300))
def test_any_text_becomes_one_line_without_markup(text: str) -> None:
    said = spoken(text)
    assert "\n" not in said
    assert "  " not in said
    assert not set(said) & set("`{}<>[]\\^~\x00")


@given(st.lists(st.sampled_from("the quick brown fox jumps over one lazy dog today".split()), min_size=1))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    assert spoken(" ".join(words)) == " ".join(words)
