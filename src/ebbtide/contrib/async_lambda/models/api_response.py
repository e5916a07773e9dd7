"""What an API task may return."""

from ebbtide.contrib.async_lambda.response import JSONResponse, Response

__all__ = ["JSONResponse", "Response"]
