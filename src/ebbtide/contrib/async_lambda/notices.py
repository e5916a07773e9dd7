"""The one class of all warnings of the async-lambda door, so that `warnings.filterwarnings` can name it."""

from __future__ import annotations


class AsyncLambdaWarning(UserWarning):
    """Something in an async-lambda app works, but not as its author may think; the text says how to put it right."""
