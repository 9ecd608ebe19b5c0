package main

import (
	"bytes"
	"errors"
	"text/template"
	"time"

	"sigs.k8s.io/yaml"
)

// Recipe is all that compiling depends on.
type Recipe struct {
	Profile, Missing, Left, Right, Name, Source string
}

// Work is one render.
type Work struct {
	Recipe
	Zone, Scope string
	Limit       int
	Data        any
}

var errOutput = errors.New("output too large")

// bounded is the output; it refuses what goes beyond the limit, which ends the render.
type bounded struct {
	bytes.Buffer
	limit int
}

func (output *bounded) Write(part []byte) (int, error) {
	if output.Len()+len(part) > output.limit {
		return 0, errOutput
	}
	return output.Buffer.Write(part)
}

func (work Work) run() Reply {
	if err := setZone(work.Zone); err != nil {
		return failed(BadRequest, err)
	}
	compiled, err := compile(work.Recipe)
	if err != nil {
		return failed(ParseFailed, err)
	}
	random = false
	output := &bounded{limit: work.Limit}
	if err := compiled.Execute(output, work.Data); err != nil {
		if errors.Is(err, errOutput) {
			return failed(OutputTooLarge, errOutput)
		}
		return failed(ExecuteFailed, err)
	}
	reply := scoped(work.Scope, output.Bytes())
	reply.Random = random
	return reply
}

// scoped returns the output as it is, or read as YAML: as a map of texts in pairs, or as any document in JSON.
func scoped(scope string, output []byte) Reply {
	switch scope {
	case "values":
		return Reply{Fields: [][]byte{output}}
	case "map":
		found := map[string]string{}
		if err := yaml.Unmarshal(output, &found); err != nil {
			return failed(NotAMap, err)
		}
		reply := Reply{}
		for key, value := range found {
			reply.Fields = append(reply.Fields, []byte(key), []byte(value))
		}
		return reply
	case "any":
		document, err := yaml.YAMLToJSON(output)
		if err != nil {
			return failed(NotAMap, err)
		}
		return Reply{Fields: [][]byte{document}}
	}
	return failed(BadRequest, errMalformed)
}

var zone = ""

func setZone(name string) error {
	if name == zone {
		return nil
	}
	location, err := time.LoadLocation(name)
	if err == nil {
		time.Local, zone = location, name
	}
	return err
}

const (
	keptTemplates = 64
	keptBytes     = 256 << 10
)

// The compiled templates of this instance, which serves one namespace between two resets. Oldest out first.
var (
	kept      = map[Recipe]*template.Template{}
	keptOrder []Recipe
	keptSize  int
)

func compile(recipe Recipe) (*template.Template, error) {
	if found := kept[recipe]; found != nil {
		return found, nil
	}
	base, err := profile(recipe.Profile)
	if err != nil {
		return nil, err
	}
	compiled := base.New(recipe.Name).Delims(recipe.Left, recipe.Right)
	if recipe.Missing != "" {
		compiled = compiled.Option("missingkey=" + recipe.Missing)
	}
	if compiled, err = compiled.Parse(recipe.Source); err != nil {
		return nil, err
	}
	keep(recipe, compiled)
	return compiled, nil
}

func keep(recipe Recipe, compiled *template.Template) {
	size := len(recipe.Source) + len(recipe.Name)
	if size > keptBytes/4 {
		return // one large template would push out all others
	}
	for len(keptOrder) > 0 && (len(keptOrder) >= keptTemplates || keptSize+size > keptBytes) {
		oldest := keptOrder[0]
		keptOrder = keptOrder[1:]
		keptSize -= len(oldest.Source) + len(oldest.Name)
		delete(kept, oldest)
	}
	kept[recipe] = compiled
	keptOrder = append(keptOrder, recipe)
	keptSize += size
}
