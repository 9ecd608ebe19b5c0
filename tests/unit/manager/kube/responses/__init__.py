"""Tests of manager/kube/responses."""
