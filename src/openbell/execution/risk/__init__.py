"""Limits of risk (`limits`), and the gate that holds orders against them (`gate`)."""
