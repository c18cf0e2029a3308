"""Bars: where they come from, what is checked, and how they meet on one timeline."""
