"""SecretStores and ClusterSecretStores, and the clients that they open."""
