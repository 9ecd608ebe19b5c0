"""Tests of manager/cli."""
