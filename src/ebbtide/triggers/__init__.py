"""Triggers: what outside of code starts a task."""
