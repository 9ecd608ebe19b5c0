"""Google Cloud: Secret Manager, and the logins of all that asks Google."""
