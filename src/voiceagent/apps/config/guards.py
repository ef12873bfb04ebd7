"""What must hold before anything starts: no weak secret, no door open to the world by accident."""

from __future__ import annotations

from voiceagent.apps.config.transit import in_the_clear, is_loopback
from voiceagent.apps.settings import Settings
from voiceagent.kit.errors import Misconfigured

SECRET_BYTES = 32
_SAMPLES = ("changeme", "change-me", "change_me", "secret", "password", "example", "default", "insecure", "12345678")


def check(settings: Settings) -> tuple[str, ...]:
    """Warnings for the operator. Raises Misconfigured `weak_secret`, `public_bind_refused` or `tls_required`."""
    _refuse_weak("services.secret", settings.services.secret.get_secret_value())
    _refuse_weak("identity.token_secret", settings.identity.token_secret.get_secret_value())
    _refuse_weak("server.scrape_token", settings.server.scrape_token.get_secret_value())
    return tuple(_warned(settings))


def _warned(settings: Settings) -> list[str]:
    server = settings.server
    public = {
        f"server.{name}": host for name in ("host", "internal_host") if not is_loopback(host := getattr(server, name))
    }
    for name, host in public.items():
        if not server.allow_public:
            raise Misconfigured(
                "public_bind_refused",
                f"{name} is {host}: other machines could reach the platform. If that is meant, set tls.certificate or put a TLS proxy "
                "before it, and start with --allow-public (server.allow_public = true)",
                param=name,
            )
    clear = in_the_clear(settings)
    if settings.tls.required and clear:
        name, why = next(iter(clear.items()))
        raise Misconfigured("tls_required", f"tls.required is set, and {name} {why}", param=name)
    return [
        f"{name} is {host}: other machines reach it WITHOUT ENCRYPTION unless a TLS proxy stands before it"
        for name, host in public.items()
        if name in clear
    ]


def _refuse_weak(name: str, secret: str) -> None:
    if not secret:
        return
    lowered = secret.lower()
    sample = next((word for word in _SAMPLES if word in lowered), None)
    if len(secret.encode()) < SECRET_BYTES or len(set(secret)) < 10 or sample is not None:
        raise Misconfigured(
            "weak_secret",
            f"{name} is weak: it needs {SECRET_BYTES} random bytes and no sample words. "
            "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
            param=name,
        )
