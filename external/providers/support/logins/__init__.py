"""Logins that several providers share, and where their tokens may be sent."""
