"""Unit tests of reflector."""
