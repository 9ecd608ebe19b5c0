"""`coffer plan`: what manifests would change in a cluster, before anybody applies them."""
