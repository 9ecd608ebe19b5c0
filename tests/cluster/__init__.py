"""A real control plane, with faults on demand.

build         brings the binaries: `programs` says which, `release` downloads, `golang` compiles (by tools/golang.py)
controlplane  etcd, API server and controllers: `process` runs them, `certificates` gives them identities
kube, wait    a client for tests, and waiting for a condition
audit         what the API server was asked, and by whom
proxy         faults between a client and the API server: `calls` reads requests, `faults` decides, `serving` serves
moto          AWS, counting and failing on demand
network       a private network, for the API server's service proxy
fixtures      all of it as pytest fixtures
"""
