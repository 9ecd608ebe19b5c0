"""Tests of manager/access."""
