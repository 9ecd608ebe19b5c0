"""Services of Delinea."""
