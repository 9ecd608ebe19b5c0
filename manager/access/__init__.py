"""The way to an API server as kubectl finds it: kubeconfigs, credentials, plug-ins, proxies and TLS."""
