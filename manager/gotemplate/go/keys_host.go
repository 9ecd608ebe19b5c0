//go:build wasip1

package main

import "unsafe"

const largestKey = 8 << 10 // an RSA key of 4096 bits is 3.2 KiB of PEM

//go:wasmimport coffer new_key
func newKey(kind uint32, address unsafe.Pointer, size uint32) uint32

// hostKey returns a new private key as PEM, in the traditional form that sprig writes.
func hostKey(kind uint32) string {
	buffer := make([]byte, largestKey)
	size := newKey(kind, unsafe.Pointer(unsafe.SliceData(buffer)), largestKey)
	return string(buffer[:size])
}
