"""Unit tests of external."""
