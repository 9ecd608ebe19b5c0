"""Tests of manager/core."""
