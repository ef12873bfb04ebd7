"""The real servers that contracts are checked on."""

from tests.support.patience import patient
from tests.support.redis_servers import cluster_url, sentinel_url
from tests.support.servers import minio_url, postgresql_url, redis_url, versitygw_url, weaviate_url

__all__ = [
    "cluster_url",
    "minio_url",
    "patient",
    "postgresql_url",
    "redis_url",
    "sentinel_url",
    "versitygw_url",
    "weaviate_url",
]
