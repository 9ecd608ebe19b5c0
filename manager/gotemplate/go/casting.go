package main

import (
	"reflect"
	"text/template"

	"coffer.dev/cast17"
)

// castAsBefore makes the arithmetic of sprig read its arguments by cast 1.7.0, which sealed-secrets has.
// Every argument of type any is converted first; the conversion that follows leaves a number as it is.
func castAsBefore(functions template.FuncMap) {
	integer := func(value any) any { return cast.ToInt64(value) }
	number := func(value any) any { return cast.ToFloat64(value) }
	for _, name := range []string{"int64", "add1", "add", "sub", "div", "mod", "mul", "max", "biggest", "min"} {
		functions[name] = converting(functions[name], integer)
	}
	for _, name := range []string{
		"float64", "add1f", "addf", "subf", "divf", "mulf", "maxf", "minf", "ceil", "floor", "round",
	} {
		functions[name] = converting(functions[name], number)
	}
	functions["int"] = converting(functions["int"], func(value any) any { return cast.ToInt(value) })
	for _, name := range []string{"slice", "mustSlice"} { // the first argument is the list, the indices follow
		functions[name] = convertingRest(functions[name], func(value any) any { return cast.ToInt(value) })
	}
}

var anyType, anySlice = reflect.TypeFor[any](), reflect.TypeFor[[]any]()

// converting wraps a function of any signature, which stays the same: error texts quote it.
func converting(function any, convert func(any) any) any {
	return wrapped(function, func(index int) bool { return true }, convert)
}

func convertingRest(function any, convert func(any) any) any {
	return wrapped(function, func(index int) bool { return index > 0 }, convert)
}

func wrapped(function any, chosen func(int) bool, convert func(any) any) any {
	inner := reflect.ValueOf(function)
	return reflect.MakeFunc(inner.Type(), func(arguments []reflect.Value) []reflect.Value {
		for index, argument := range arguments {
			if !chosen(index) {
				continue
			}
			switch argument.Type() {
			case anyType:
				arguments[index] = reflect.ValueOf(convert(argument.Interface()))
			case anySlice:
				converted := make([]any, argument.Len())
				for position := range converted {
					converted[position] = convert(argument.Index(position).Interface())
				}
				arguments[index] = reflect.ValueOf(converted)
			}
		}
		return call(inner, arguments)
	}).Interface()
}

func call(function reflect.Value, arguments []reflect.Value) []reflect.Value {
	if function.Type().IsVariadic() {
		return function.CallSlice(arguments)
	}
	return function.Call(arguments)
}
