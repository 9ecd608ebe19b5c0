package main

import (
	"errors"
	"strconv"
	"strings"
)

var errMalformed = errors.New("malformed request")

// Serve answers one request. Its first field names the work, the others are its arguments.
func Serve(message []byte) []byte {
	arguments, ok := fields(message)
	if !ok || len(arguments) == 0 {
		return failed(BadRequest, errMalformed).encode()
	}
	work, arguments := string(arguments[0]), arguments[1:]
	switch work {
	case "render":
		return render(arguments).encode()
	case "json-get":
		return jsonGet(arguments).encode()
	case "json-set":
		return jsonSet(arguments).encode()
	case "replace":
		return replace(arguments).encode()
	}
	return failed(BadRequest, errMalformed).encode()
}

// render takes: profile, missingkey, left and right delimiter, time zone, scope, depth of the data, limit of the output
// in bytes, name, source; then the data, in pairs (depth 1) or in triples of group, key and value (depth 2).
func render(arguments [][]byte) Reply {
	if len(arguments) < 10 {
		return failed(BadRequest, errMalformed)
	}
	text := func(index int) string { return string(arguments[index]) }
	limit, err := strconv.Atoi(text(7))
	if err != nil {
		return failed(BadRequest, errMalformed)
	}
	work := Work{
		Recipe: Recipe{text(0), text(1), text(2), text(3), text(8), text(9)},
		Zone:   text(4),
		Scope:  text(5),
		Limit:  limit,
	}
	switch rest := arguments[10:]; text(6) {
	case "1":
		work.Data = pairs(rest)
	case "2":
		work.Data = triples(rest)
	}
	return work.run()
}

// The data keeps every byte and is a map[string]string, as in both controllers: `get` or `dig` cannot take it.
func pairs(rest [][]byte) map[string]string {
	data := make(map[string]string, len(rest)/2)
	for ; len(rest) >= 2; rest = rest[2:] {
		data[string(rest[0])] = string(rest[1])
	}
	return data
}

func triples(rest [][]byte) map[string]map[string]string {
	data := map[string]map[string]string{}
	for ; len(rest) >= 3; rest = rest[3:] {
		group := strings.Clone(string(rest[0]))
		if data[group] == nil {
			data[group] = map[string]string{}
		}
		data[group][string(rest[1])] = string(rest[2])
	}
	return data
}
