"""What an area of the settings is, and how lists are written in it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def listed(value: Any) -> Any:
    """A comma-separated string from the environment or a flag stands for a list."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class Area(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


Strings = Annotated[tuple[str, ...], BeforeValidator(listed)]
Port = Annotated[int, Field(ge=0, le=65_535)]
DataUrl = Annotated[str, Field(min_length=1)]
"""A URL that picks an adapter; `{data}` in it stands for data.dir."""
