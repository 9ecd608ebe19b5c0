"""Go templates against native Go.

inputs.jsonl   965 templates and data; `fixtures` are the certificates and keys that some of them read
more.jsonl     what the comparison of random templates taught: numbers at their ends; JSON Web Keys
native/        the measure: Go programs over the standard engine, stock sprig and external-secrets' own functions
expected/      what they said, with the versions they were built from (make conformance writes it anew)
independent    expectations for what no public module has, from cryptography, openssl and hashlib
differences    where the sandbox answers otherwise on purpose, each with its reason
grammar        random templates for the comparison of test_fuzz.py
"""
