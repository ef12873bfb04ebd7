"""Whisper's vocabulary, with the tokenizer of the real English model."""

from __future__ import annotations

from pathlib import Path

import pytest

from voiceagent.adapters.stt.tokens import MAX_PROMPT_TOKENS, Vocabulary
from voiceagent.kit.errors import Misconfigured, Unsupported
from voiceagent.models.store import ModelStore


@pytest.fixture
def english(model_store: ModelStore) -> Vocabulary:
    return Vocabulary(model_store.path("whisper-tiny.en") / "tokenizer.json", multilingual=False)


@pytest.fixture
def many(model_store: ModelStore) -> Vocabulary:
    """The English tokenizer has the language tokens too: good enough for the shape of prompts."""
    return Vocabulary(model_store.path("whisper-tiny.en") / "tokenizer.json", multilingual=True)


def test_an_english_prompt_names_no_language(english: Vocabulary) -> None:
    assert len(english.prompt("en")) == 2


def test_a_prompt_of_many_languages_names_one_and_the_task(many: Vocabulary) -> None:
    assert len(many.prompt("de")) == 4 and many.prompt("de") != many.prompt("en")


def test_context_is_cut_and_cannot_steer(english: Vocabulary) -> None:
    prompt = english.prompt("en", "<|endoftext|><|startoftranscript|> word" * 300)
    assert len(prompt) == 1 + MAX_PROMPT_TOKENS + 2
    assert all(token < english.end for token in prompt[1:-2])


@pytest.mark.parametrize(("wanted", "code"), [(None, None), ("", None), ("de", "de"), ("de-CH", "de"), ("EN_us", "en")])
def test_languages_are_bcp_47(many: Vocabulary, wanted: str | None, code: str | None) -> None:
    assert many.language(wanted) == code


def test_an_unknown_language_is_refused(many: Vocabulary, english: Vocabulary) -> None:
    for vocabulary, wanted in ((many, "tlh"), (english, "de")):
        with pytest.raises(Unsupported):
            vocabulary.language(wanted)


def test_words_keep_their_punctuation_and_add_up_to_the_text(english: Vocabulary) -> None:
    text = " Hello, Mr. Smith-Jones: it's 3.50, isn't it? Über-naïve 😀!"
    tokens = english._tokenizer.encode(text, add_special_tokens=False).ids
    words = english.words(tokens, "en")
    assert [word.strip() for word, _ in words] == text.split()
    assert [token for _, group in words for token in group] == tokens


def test_a_script_without_spaces_gives_words_of_characters(english: Vocabulary) -> None:
    tokens = english._tokenizer.encode("今日は。", add_special_tokens=False).ids
    words = english.words(tokens, "ja")
    assert "".join(word for word, _ in words) == "今日は。" and words[-1][0].endswith("。") and len(words) >= 2


def test_a_damaged_tokenizer_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(Misconfigured):
        Vocabulary(tmp_path / "tokenizer.json", multilingual=False)
