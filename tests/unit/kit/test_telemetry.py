"""Metrics follow one naming rule."""

from __future__ import annotations

import pytest

from voiceagent.kit import telemetry


def test_a_metric_is_exposed_under_its_name() -> None:
    telemetry.counter("voiceagent_test_things_total", "Things seen by this test.", ["kind"]).labels("good").inc()
    assert b'voiceagent_test_things_total{kind="good"} 1.0' in telemetry.exposition()


@pytest.mark.parametrize(
    "name", ["turns_total", "voiceagent_turns", "voiceagent_Turn_seconds", "voiceagent_turn_latency_ms"]
)
def test_a_name_outside_the_rule_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="voiceagent_<area>_<thing>_<unit>"):
        telemetry.gauge(name, "x")
