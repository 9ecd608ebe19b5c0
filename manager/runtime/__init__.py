"""The process around the modules: kopf host, queue, workers, lease, health, metrics, logging."""
