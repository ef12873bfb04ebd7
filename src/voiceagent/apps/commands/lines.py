"""What each command and group does, in the words of its own help, so that `voiceagent --help` need not load them. Nothing else."""

from __future__ import annotations

LINES: dict[str, str] = {
    "up": "Start the whole platform in this process. Ctrl-C (or SIGTERM) drains and stops; a second one stops at once.",
    "serve": "Start one service in this process: the distributed profile. Needs services.secret, the same for all services.",
    "demo": "Start the platform, ask it a recorded question, print what happened, stop it.",
    "init": "Bring the store to this version and, when it is empty, create the organisation, its owner and a key, shown once. Safe to repeat.",
    "ask": "Speak a recording to the running platform in real time; print what was heard and answered, and how long each stage took.",
    "talk": "Talk with the running platform through microphone and loudspeaker. Ctrl-C ends the conversation.",
    "doctor": "Look at settings, disk, database, keys, every server that the settings name, models and ports; exit code 3 when something is in the way.",
    "version": "Print the version.",
    "migrate": "Bring the store's schema to this version. `up` and `serve` do it by themselves; safe to repeat.",
    "models": "List, fetch and verify the models.",
    "tenants": "Add and list organisations.",
    "keys": "Create, list and revoke API keys.",
    "users": "Add people, change their role, turn them away, reset their password.",
    "providers": "List, add, remove and try providers of language models, speech and embeddings.",
    "config": "Show the settings.",
    "docs": "Give documents to the running platform, search them, ask them.",
    "audit": "Check the audit log.",
    "encryption": "Keys of what is encrypted at rest.",
    "backup": "Backups: make, check, list, restore.",
    "events": "Events that must not be lost.",
    "privacy": "Erase or take along what is kept of a person.",
    "tls": "Encryption on the way.",
}
