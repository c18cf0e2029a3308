"""Order stories that every broker must tell alike: what is asked, how the market moves, what must come of it.

    from openbell.conformance import STORIES, run_story

    for story in STORIES:
        differences = await run_story(story, stage)

A `Stage` is what moves the market behind a broker of your own; see docs/how-to/check-a-broker.md.
"""

from __future__ import annotations

from openbell.conformance.runner import Stage, run_story
from openbell.conformance.stories import STORIES
from openbell.conformance.story import Ask, Bar, Cancel, Change, Result, Story

__all__ = ["STORIES", "Ask", "Bar", "Cancel", "Change", "Result", "Stage", "Story", "run_story"]
