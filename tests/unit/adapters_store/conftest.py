"""The real servers that the store is tried on."""

from tests.support.servers import postgresql_url

__all__ = ["postgresql_url"]
