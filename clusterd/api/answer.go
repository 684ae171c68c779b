// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"reflect"
)

// WriteAnswer answers with a value. A list in it that is nil is written as [], so that no reader has to know of null.
func WriteAnswer(w http.ResponseWriter, out any) {
	w.Header().Set("Content-Type", "application/json")
	v := reflect.New(reflect.TypeOf(out))
	v.Elem().Set(reflect.ValueOf(out))
	fillLists(v.Elem())
	_ = json.NewEncoder(w).Encode(v.Interface()) // who hung up does not want it
}

// fillLists makes each nil slice inside v an empty one. Bytes are left alone: JSON has them as a text.
func fillLists(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillLists(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fillLists(v.Index(i))
		}
	}
}
