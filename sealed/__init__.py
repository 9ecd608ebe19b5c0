"""SealedSecret -> Secret: sealing keys, decryption, the /v1 HTTP API, kubeseal."""
