"""Metrics, trades and sizing."""
