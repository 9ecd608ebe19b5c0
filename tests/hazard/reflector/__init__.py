"""Hazards of the reflector."""
