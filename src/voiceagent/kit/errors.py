"""The one tree of errors. Each has a stable code that clients may rely on, and the HTTP status that fits it.

    Problem
    ├── InvalidInput 400/422    the caller must change the request
    │   ├── TooLarge 413
    │   └── Unsupported 415
    ├── Unauthenticated 401     no or bad credentials
    ├── Forbidden 403           known caller, missing permission
    ├── NotFound 404            also for what belongs to somebody else
    ├── Conflict 409            the state does not allow it now
    ├── RateLimited 429         come back after `retry_after_s`
    ├── Unavailable 503         a part that we need does not answer; retryable
    │   ├── DeadlineExceeded 504
    │   └── StorageFull 507
    └── Misconfigured 500       the operator must change the configuration

Adapters translate each third-party exception at their edge into one of these, with the cause kept (`raise ... from`).
`message` is for people, in plain words, without secrets, transcripts or paths of the host.
"""

from __future__ import annotations


class Problem(Exception):
    """Something went wrong that the caller can be told about.

    code: stable, snake_case, documented in docs/errors.md.  param: the field or event that caused it, if any.
    retryable: the same call may succeed later.  retry_after_s: when, in seconds, if known.
    """

    status = 500
    retryable = False

    def __init__(
        self, code: str, message: str, *, param: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"


class InvalidInput(Problem):
    """The request cannot be served as it is; the caller must change it."""

    status = 400


class TooLarge(InvalidInput):
    """A body, file, event or duration is over its limit."""

    status = 413


class Unsupported(InvalidInput):
    """A format, codec, language or feature that this installation does not have."""

    status = 415


class Unauthenticated(Problem):
    """No credentials, or credentials that do not hold."""

    status = 401


class Forbidden(Problem):
    """The caller is known and lacks the permission."""

    status = 403


class NotFound(Problem):
    """It does not exist, or not for this tenant: the two look the same from outside."""

    status = 404


class Conflict(Problem):
    """The state does not allow it now."""

    status = 409


class RateLimited(Problem):
    """Over a limit; `retry_after_s` says when to come back."""

    status = 429
    retryable = True


class Unavailable(Problem):
    """A part that is needed does not answer or refuses work."""

    status = 503
    retryable = True


class DeadlineExceeded(Unavailable):
    """A bounded wait ran out."""

    status = 504


class StorageFull(Unavailable):
    """No room left on a data path; nothing that was stored is lost."""

    status = 507


class Misconfigured(Problem):
    """The configuration or the installation is wrong; the message says what to change."""

    status = 500
