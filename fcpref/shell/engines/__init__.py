"""Engines: each answers message lists and knows nothing of tasks or chains."""
