"""Generators: objects from which values are made instead of being read (providers 5)."""
