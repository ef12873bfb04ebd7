"""What the settings name to hear, speak and embed, as entries of the registry."""

from __future__ import annotations

from voiceagent.apps.routing.pair import pair
from voiceagent.apps.settings import Settings


def test_the_pair_of_settings_is_the_first_two_entries() -> None:
    told = {
        "stt": {"url": "whisper:///", "fallback_url": "openai+https://h.example/v1?model=w&language=de&price_in=0.36"},
        "embed": {"url": "openai+https://a.example/v1?model=m", "fallback_url": "openai+https://b.example/v1?model=m"},
        "tts": {"fallback_url": "piper:///?priority=2&name=loud"},
    }
    settings = Settings.model_validate(told)
    first, second = pair(settings, "stt")
    assert (first.name, first.url, first.priority, first.local) == ("stt:whisper", "whisper:///", 10, True)
    assert (second.name, second.priority, second.languages, second.price_in) == ("stt:w", 11, ("de",), 0.36)
    assert second.url == "openai+https://h.example/v1?model=w"
    assert [one.name for one in pair(settings, "embed")] == ["embed:m", "embed:m-2"]
    assert [(one.name, one.priority) for one in pair(settings, "tts")] == [("tts:hibari", 10), ("loud", 2)]
