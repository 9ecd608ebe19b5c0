"""Delinea Secret Server over its REST API."""
