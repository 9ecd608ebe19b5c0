//go:build wasip1

// Command gotemplate is Go's template engine behind one function: a request goes in, an answer comes out.
//
// The host copies a request to the address that Reserve returns and calls Answer, which returns the address and the
// length of the answer. Nothing else of the host is reachable, except the making of keys (keys.go).
package main

import (
	"runtime/debug"
	"unsafe"

	_ "time/tzdata" // the sandbox has no files, and dates name time zones
)

var request, answer []byte

//go:wasmexport reserve
func reserve(size uint32) unsafe.Pointer {
	request = make([]byte, size)
	return unsafe.Pointer(unsafe.SliceData(request))
}

//go:wasmexport answer
func respond() uint64 {
	answer = Serve(request)
	clear(request) // values do not outlive their render
	address := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(answer))))
	return address<<32 | uint64(len(answer))
}

//go:wasmexport forget
func forget() {
	clear(answer)
}

func init() {
	debug.SetMemoryLimit(48 << 20) // below the sandbox's 60 MiB, so that collecting comes before failing
}

func main() {}
