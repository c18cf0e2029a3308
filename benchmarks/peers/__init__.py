"""Other frameworks on the same workloads, each in an environment of its own outside of the repository."""
