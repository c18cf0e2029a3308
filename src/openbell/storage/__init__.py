"""What is kept: the journal of everything that happened, and its copies."""
