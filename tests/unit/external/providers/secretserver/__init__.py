"""Delinea Secret Server against its double."""
