"""Tests of sealed/crypto."""
