package main

import (
	"regexp"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// jsonGet takes a document and a gjson path; no field in the answer: nothing is there. Else the text and the raw JSON.
func jsonGet(arguments [][]byte) Reply {
	if len(arguments) != 2 {
		return failed(BadRequest, errMalformed)
	}
	found := gjson.GetBytes(arguments[0], string(arguments[1]))
	if !found.Exists() {
		return Reply{}
	}
	return Reply{Fields: [][]byte{[]byte(found.String()), []byte(found.Raw)}}
}

// jsonSet takes a document, an sjson path, a value and whether that is raw JSON ("raw") or a text ("text").
func jsonSet(arguments [][]byte) Reply {
	if len(arguments) != 4 {
		return failed(BadRequest, errMalformed)
	}
	document, path := arguments[0], string(arguments[1])
	var err error
	if string(arguments[3]) == "raw" {
		document, err = sjson.SetRawBytes(document, path, arguments[2])
	} else {
		document, err = sjson.SetBytes(document, path, string(arguments[2]))
	}
	if err != nil {
		return failed(ExecuteFailed, err)
	}
	return Reply{Fields: [][]byte{document}}
}

// replace takes an expression, a replacement and texts; it answers with the texts after ReplaceAllString.
func replace(arguments [][]byte) Reply {
	if len(arguments) < 2 {
		return failed(BadRequest, errMalformed)
	}
	expression, err := regexp.Compile(string(arguments[0]))
	if err != nil {
		return failed(ParseFailed, err)
	}
	reply := Reply{}
	for _, text := range arguments[2:] {
		reply.Fields = append(reply.Fields, []byte(expression.ReplaceAllString(string(text), string(arguments[1]))))
	}
	return reply
}
