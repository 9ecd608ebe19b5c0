// Package engine renders JSON lines with the standard library's text/template: the measure for the sandbox.
package engine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"text/template"
)

// Case is one line of input. Bytes are Base64 in JSON.
type Case struct {
	Name    string            `json:"name"`
	Source  []byte            `json:"source"`
	Data    map[string][]byte `json:"data"`
	Left    string            `json:"left"`
	Right   string            `json:"right"`
	Missing string            `json:"missing"`
}

// Outcome is one line of output: the verdict is ok, parse or execute, the text what was printed or the error.
type Outcome struct {
	Verdict string `json:"verdict"`
	Text    []byte `json:"text"`
}

// Main answers line by line; with the argument "version" it prints Go's and the modules' versions.
func Main(functions template.FuncMap) {
	encoder := json.NewEncoder(os.Stdout)
	if len(os.Args) > 1 {
		versions := map[string]string{"go": runtime.Version()}
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, module := range info.Deps {
				versions[module.Path] = module.Version
			}
		}
		_ = encoder.Encode(versions)
		return
	}
	debug.SetMaxStack(64 << 20) // a template that never ends a recursion ends the program soon
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var each Case
		if err := json.Unmarshal(line, &each); err != nil {
			panic(err)
		}
		_ = encoder.Encode(each.outcome(functions))
	}
}

func (each Case) outcome(functions template.FuncMap) Outcome {
	parsed := template.New(each.Name).Funcs(functions).Delims(each.Left, each.Right)
	if each.Missing != "" {
		parsed = parsed.Option("missingkey=" + each.Missing)
	}
	parsed, err := parsed.Parse(string(each.Source))
	if err != nil {
		return Outcome{"parse", []byte(err.Error())}
	}
	data := make(map[string]string, len(each.Data))
	for key, value := range each.Data {
		data[key] = string(value)
	}
	var output bytes.Buffer
	if err := parsed.Execute(&output, data); err != nil {
		return Outcome{"execute", []byte(err.Error())}
	}
	return Outcome{"ok", output.Bytes()}
}
