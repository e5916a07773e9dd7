"""The retry policy: which errors are tried again, and how long to wait."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbtide.errors import DeclarationError, Retry
from ebbtide.retry import RetryPolicy


def test_by_default_any_error_is_tried_again() -> None:
    assert RetryPolicy().retries(ValueError())
    assert RetryPolicy().attempts == 5


def test_with_only_other_errors_are_not_tried_again() -> None:
    policy = RetryPolicy(only=(OSError,))
    assert policy.retries(ConnectionError())
    assert not policy.retries(ValueError())


def test_never_wins_over_only() -> None:
    policy = RetryPolicy(only=(OSError,), never=(ConnectionError,))
    assert policy.retries(FileNotFoundError())
    assert not policy.retries(ConnectionError())


def test_asking_for_a_retry_wins_over_both() -> None:
    assert RetryPolicy(only=(OSError,), never=(Exception,)).retries(Retry())


def test_one_class_may_stand_without_a_tuple() -> None:
    lone: Any = ValueError
    assert RetryPolicy(never=lone).never == (ValueError,)
    assert not RetryPolicy(never=lone).retries(ValueError())


def test_the_ceiling_of_the_wait_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(base=1, cap=5)
    assert [policy.wait(attempt, draw=lambda: 1.0) for attempt in (1, 2, 3, 4, 5)] == [1, 2, 4, 5, 5]


def test_the_wait_is_drawn_evenly_from_nothing_to_the_ceiling() -> None:
    policy = RetryPolicy(base=8)
    drawn = iter((0.0, 0.25, 0.5))
    assert [policy.wait(1, draw=lambda: next(drawn)) for _ in range(3)] == [0, 2, 4]


def test_without_a_base_it_is_tried_again_at_once() -> None:
    assert RetryPolicy(base=0).wait(7, draw=lambda: 1.0) == 0


@given(st.integers(1, 10**9), st.floats(0, 1), st.floats(0, 1e300), st.floats(0, 1e300))
def test_no_attempt_is_too_late_and_no_base_too_large_to_wait(
    attempt: int, part: float, base: float, cap: float
) -> None:
    assert 0 <= RetryPolicy(base=base, cap=cap).wait(attempt, draw=lambda: part) <= cap


@pytest.mark.parametrize("attempts", [0, -1, 1.0, True, "3"])
def test_attempts_are_a_whole_number_from_one(attempts: Any) -> None:
    with pytest.raises(DeclarationError, match=r"RetryPolicy\(attempts=.*1 or more"):
        RetryPolicy(attempts=attempts)


@pytest.mark.parametrize("times", [{"base": -1}, {"cap": -0.1}, {"base": float("nan")}, {"cap": float("inf")}])
def test_waits_are_seconds_from_zero(times: dict[str, float]) -> None:
    with pytest.raises(DeclarationError, match="seconds, zero or more"):
        RetryPolicy(**times)  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [("ValueError",), (int,), (ValueError(),)])
def test_only_and_never_take_exception_classes(classes: Any) -> None:
    with pytest.raises(DeclarationError, match=r"only=.*exception classes expected"):
        RetryPolicy(only=classes)
    with pytest.raises(DeclarationError, match=r"never=.*exception classes expected"):
        RetryPolicy(never=classes)


@pytest.mark.parametrize("after", [-1, float("inf"), float("nan")])
def test_retry_after_is_seconds_from_zero(after: float) -> None:
    with pytest.raises(ValueError, match=r"Retry\(after="):
        Retry(after=after)


def test_policies_are_values() -> None:
    assert RetryPolicy(attempts=3, only=(OSError,)) == RetryPolicy(attempts=3, only=(OSError,))
    assert len({RetryPolicy(), RetryPolicy(), RetryPolicy(attempts=1)}) == 2
