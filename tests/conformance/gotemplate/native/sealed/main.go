// Command sealed renders as sealed-secrets does: stock sprig without what looks outside.
package main

import (
	"github.com/Masterminds/sprig/v3"

	"coffer.dev/native/engine"
)

func main() {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	engine.Main(functions)
}
