"""How orders reach a broker."""
