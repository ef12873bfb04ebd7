"""Passwords that leaks hold most often: 55,527 of them, shipped with the platform and looked up here, so that no password is asked about elsewhere."""

from __future__ import annotations

import lzma
import string
from functools import cache
from importlib.resources import files

_LEAST_CHARS = 4
_SIGNS = string.punctuation + string.whitespace
_DISGUISES = str.maketrans("01345789@$!€+", "oleastbgasiet")


def is_breached(password: str) -> bool:
    """Whether it is one of them or two joined, whatever its case, disguised letters, and digits or signs around it."""
    known = _known()
    plain = password.casefold()
    bare = {plain, plain.strip(_SIGNS), plain.strip(_SIGNS + string.digits)}
    forms = bare | {form.translate(_DISGUISES) for form in bare}
    return any(_is_one_or_two(form, known) for form in forms)


def _is_one_or_two(form: str, known: frozenset[str]) -> bool:
    if form in known:
        return True
    return any(form[:at] in known and form[at:] in known for at in range(_LEAST_CHARS, len(form) - _LEAST_CHARS + 1))


@cache
def _known() -> frozenset[str]:
    packed = (files("voiceagent.gateway.identity") / "breached_passwords.txt.xz").read_bytes()
    return frozenset(lzma.decompress(packed).decode().split("\n"))
