"""Openbell's benchmarks: the same work as hand-written loops and as other frameworks, trade for trade."""

import os

os.environ["OPENBELL_TRIALS"] = "off"  # what is measured is no idea that is tried
