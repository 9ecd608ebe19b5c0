"""Unit tests of manager."""
