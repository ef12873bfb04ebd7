"""voiceagent: people talk, in real time, with an AI agent that knows their documents."""

__version__ = "0.1.0"
