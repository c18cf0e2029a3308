"""Trading on paper and live: what drives the engine by a feed, and keeps a journal of it."""
