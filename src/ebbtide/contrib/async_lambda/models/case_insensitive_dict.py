"""The headers of a request."""

from ebbtide.contrib.async_lambda.headers import CaseInsensitiveDict

__all__ = ["CaseInsensitiveDict"]
