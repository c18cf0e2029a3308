"""Real time: streams that end, fall silent, repeat and reorder, made into each bar once and in order."""
