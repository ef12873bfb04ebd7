"""The real servers that contracts are checked on."""

from tests.support.servers import minio_url, postgresql_url, redis_url, versitygw_url, weaviate_url

__all__ = ["minio_url", "postgresql_url", "redis_url", "versitygw_url", "weaviate_url"]
