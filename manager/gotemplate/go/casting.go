package main

import (
	"math"
	"reflect"
	"text/template"

	"coffer.dev/cast17"
)

// The arithmetic of sprig, by what it reads its arguments of type any as.
var (
	integers = []string{"int64", "add1", "add", "sub", "div", "mod", "mul", "max", "biggest", "min"}
	numbers  = []string{"float64", "add1f", "addf", "subf", "divf", "mulf", "maxf", "minf", "ceil", "floor", "round"}
	indices  = []string{"slice", "mustSlice"} // the first argument is the list
)

// castAsBefore makes sprig read numbers by cast 1.7.0, which sealed-secrets has. Every argument is converted first; the
// conversion that follows leaves a number as it is.
func castAsBefore(functions template.FuncMap) {
	small := func(value any) any { return cast.ToInt(asOnAmd64(value)) }
	wrap(functions, integers, 0, func(value any) any { return cast.ToInt64(asOnAmd64(value)) })
	wrap(functions, numbers, 0, func(value any) any { return cast.ToFloat64(value) })
	wrap(functions, []string{"int"}, 0, small)
	wrap(functions, indices, 1, small)
}

// castOnAmd64 leaves all to cast, but what Go leaves to the processor.
func castOnAmd64(functions template.FuncMap) {
	wrap(functions, integers, 0, asOnAmd64)
	wrap(functions, []string{"int"}, 0, asOnAmd64)
	wrap(functions, indices, 1, asOnAmd64)
}

// asOnAmd64 is a float that fits no integer, as amd64 converts it; WebAssembly would take the nearest.
func asOnAmd64(value any) any {
	number, ok := value.(float64)
	if ok && !(number >= math.MinInt64 && number < math.MaxInt64) {
		return int64(math.MinInt64)
	}
	return value
}

// chunksOnAmd64 makes chunks of size zero the error that they are there: a length that is no number.
func chunksOnAmd64(functions template.FuncMap) {
	for _, name := range []string{"chunk", "mustChunk"} {
		inner := reflect.ValueOf(functions[name])
		functions[name] = reflect.MakeFunc(inner.Type(), func(arguments []reflect.Value) []reflect.Value {
			kind := reflect.ValueOf(arguments[1].Interface()).Kind()
			if length := arguments[0].Int(); length == 0 && (kind == reflect.Slice || kind == reflect.Array) {
				_ = make([][]any, length-1)
			}
			return inner.Call(arguments)
		}).Interface()
	}
}

var anyType, anySlice = reflect.TypeFor[any](), reflect.TypeFor[[]any]()

// wrap converts the arguments of type any, from one position on. Signatures stay the same: error texts quote them.
func wrap(functions template.FuncMap, names []string, from int, convert func(any) any) {
	for _, name := range names {
		inner := reflect.ValueOf(functions[name])
		functions[name] = reflect.MakeFunc(inner.Type(), func(arguments []reflect.Value) []reflect.Value {
			for index := from; index < len(arguments); index++ {
				arguments[index] = converted(arguments[index], convert)
			}
			return call(inner, arguments)
		}).Interface()
	}
}

func converted(argument reflect.Value, convert func(any) any) reflect.Value {
	result := reflect.New(argument.Type()).Elem()
	switch argument.Type() {
	case anyType:
		if value := convert(argument.Interface()); value != nil {
			result.Set(reflect.ValueOf(value))
		}
	case anySlice:
		values := make([]any, argument.Len())
		for position := range values {
			values[position] = convert(argument.Index(position).Interface())
		}
		result.Set(reflect.ValueOf(values))
	default:
		return argument
	}
	return result
}

func call(function reflect.Value, arguments []reflect.Value) []reflect.Value {
	if function.Type().IsVariadic() {
		return function.CallSlice(arguments)
	}
	return function.Call(arguments)
}
