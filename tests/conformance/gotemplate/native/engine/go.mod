module coffer.dev/native/engine

go 1.26.0
