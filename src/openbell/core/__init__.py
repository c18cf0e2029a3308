"""The core: the engine and what it is made of. Standard library only."""
