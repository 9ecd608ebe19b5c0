"""SealedSecret -> Secret: sealing keys, decryption, the /v1 HTTP API, kubeseal."""

EVENT_COMPONENT = "sealed-secrets"
"""The source of all Events of this module: users' alerts match the original's."""
