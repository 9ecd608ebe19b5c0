"""Tests of manager/core/crypto."""
