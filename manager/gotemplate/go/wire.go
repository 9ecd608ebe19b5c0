package main

import "encoding/binary"

// Status is the first byte of an answer.
type Status byte

// What became of a request.
const (
	Done Status = iota
	ParseFailed
	ExecuteFailed
	OutputTooLarge
	NotAMap
	BadRequest
)

// Reply is what a request is answered with: the fields are results, or one error text.
type Reply struct {
	Status Status
	Random bool // the same request may be answered differently the next time
	Fields [][]byte
}

func failed(status Status, err error) Reply {
	return Reply{Status: status, Fields: [][]byte{[]byte(err.Error())}}
}

// fields splits a message into its parts: each is a length of four bytes, little endian, and as many bytes.
func fields(message []byte) ([][]byte, bool) {
	var found [][]byte
	for len(message) > 0 {
		if len(message) < 4 {
			return nil, false
		}
		size := uint64(binary.LittleEndian.Uint32(message))
		message = message[4:]
		if size > uint64(len(message)) {
			return nil, false
		}
		found = append(found, message[:size])
		message = message[size:]
	}
	return found, true
}

func (reply Reply) encode() []byte {
	size := 2
	for _, field := range reply.Fields {
		size += 4 + len(field)
	}
	message := make([]byte, 2, size)
	message[0] = byte(reply.Status)
	if reply.Random {
		message[1] = 1
	}
	for _, field := range reply.Fields {
		message = binary.LittleEndian.AppendUint32(message, uint32(len(field)))
		message = append(message, field...)
	}
	return message
}
