"""Doors for frameworks and services that others make."""
