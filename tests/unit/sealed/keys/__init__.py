"""Tests of sealed/keys."""
