"""Tests of reflector/rules."""
