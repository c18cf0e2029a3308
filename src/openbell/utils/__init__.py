"""Logging and the like."""
