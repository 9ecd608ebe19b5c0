"""Builders of the objects and modules that tests use."""
