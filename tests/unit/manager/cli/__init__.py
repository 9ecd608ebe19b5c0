"""Unit tests of manager/cli."""
