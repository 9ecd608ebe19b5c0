"""Logins that several providers share."""
