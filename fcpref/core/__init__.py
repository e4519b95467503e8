"""The pure core: immutable values and deterministic functions, no effects."""
