"""Files of Kubernetes objects: read, sealed, merged, edited and written without a cluster."""
