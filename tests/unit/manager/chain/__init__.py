"""Tests of manager/chain."""
