"""A real control plane, with faults on demand.

build         fetches the binaries: `programs` lists them, `release` downloads, `golang` compiles (with tools/golang.py)
controlplane  etcd, API server and controllers: `process` runs them, `certificates` gives them identities
kube, wait    a client for tests, and waiting for a condition
audit         which requests the API server got, and from whom
proxy         faults between a client and the API server: `calls` parses requests, `faults` decides, `serving` serves
moto          AWS: counts calls and fails on demand
network       a private network, for the API server's service proxy
fixtures      all of these as pytest fixtures
"""
