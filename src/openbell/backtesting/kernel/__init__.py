"""The replay, compiled: the same rules, the same ledger, for strategies that are a scalar decision."""
