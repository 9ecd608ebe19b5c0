"""Unit tests of sealed."""
