"""Generators: objects that make values instead of reading them from a provider."""
