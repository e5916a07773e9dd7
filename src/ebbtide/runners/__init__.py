"""Runners: what takes messages and runs their tasks on this machine."""
