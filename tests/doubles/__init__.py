"""Small servers that stand for services no test can call, written from the vendors' public API documentation.

Each checks method, path, headers, signature and body as the documentation says, and refuses what the service refuses.
"""
