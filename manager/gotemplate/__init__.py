"""Go templates for tenants: Go's own engine and sprig, in a WebAssembly sandbox.

```
sandbox    render(), json_get(), json_set(), regex_replace(): what other packages call
model      Template, Rendered, Limits
pool       worker threads and instances: one tenant at a time in each, fresh for every other tenant
instance   one running copy of the sandbox; watchdog ends what runs too long; keys makes RSA keys outside
artefact   finds, precompiles and loads the compiled module
redact     error texts without a value of the data; wire packs bytes
go/        the sandbox's inside, compiled by `make template`
```
Nothing here imports wasmtime before the first template is rendered.
"""
