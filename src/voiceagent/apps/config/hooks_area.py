"""Settings of the operator's changes to calls and answers."""

from __future__ import annotations

from pydantic import Field

from voiceagent.apps.config.area import Area, Strings


class HooksSettings(Area):
    """Changes to calls and answers on their way through the gateway."""

    file: str = Field("", description="JSON file of rules; docs/gateway.md says what they can do. Empty for none.")
    plugins: Strings = Field(
        (), description="Names of installed entry points `voiceagent.hooks` that see every JSON body, in this order."
    )
    budget_ms: float = Field(
        50.0, gt=0, le=5000, description="What one plugin may take for one body; then it is refused."
    )
