"""Servers on 127.0.0.1 that play the part of data providers and brokers, in their own protocols."""
