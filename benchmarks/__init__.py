"""Openbell's benchmarks: the same work as hand-written loops and as other frameworks, trade for trade."""
