"""The Elasticsearch client as everybody here uses it."""

from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError

from receiver.config import Index
from receiver.errors import Unavailable


def connect(settings: Index) -> Elasticsearch:
    """A client for ``index.url``; it connects at its first request and does not retry by itself."""
    credentials: dict[str, Any] = {}
    if settings.api_key is not None:
        credentials["api_key"] = settings.api_key
    elif settings.user is not None:
        credentials["basic_auth"] = (settings.user, settings.password or "")
    if settings.ca is not None:
        credentials["ca_certs"] = str(settings.ca)
    return Elasticsearch(
        settings.url, request_timeout=settings.timeout_s, max_retries=0, retry_on_timeout=False, **credentials
    )


def unavailable(error: ApiError | TransportError) -> Unavailable:
    """*error* as the error of a backend that does not answer."""
    return Unavailable(f"Elasticsearch: {str(error)[:300]}", retry_after_s=2.0)
