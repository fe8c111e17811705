// Prints every write of a server as it happens: go run . 127.0.0.1:6379
package main

/*
#cgo pkg-config: redtail
#include <redtail.h>
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

func main() {
	address := "127.0.0.1:6379"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	target := C.CString(address)
	follower := C.redtail_follower_new(nil)
	status := C.redtail_follower_connect(follower, target)
	C.free(unsafe.Pointer(target))
	for status == C.REDTAIL_OK {
		var event *C.redtail_event // valid until the next call
		if status = C.redtail_follower_next(follower, &event); status != C.REDTAIL_OK {
			break
		}
		switch event.kind {
		case C.REDTAIL_EVENT_COMMAND:
			fmt.Print(uint64(event.offset))
			for _, arg := range unsafe.Slice(event.args, event.argc) {
				fmt.Printf(" %q", C.GoBytes(unsafe.Pointer(arg.data), C.int(arg.len)))
			}
			fmt.Println()
		case C.REDTAIL_EVENT_GAP, C.REDTAIL_EVENT_DISCONNECTED:
			fmt.Fprintln(os.Stderr, C.GoString(C.redtail_follower_message(follower)))
		}
	}
	if status < 0 {
		fmt.Fprintln(os.Stderr, "tail:", C.GoString(C.redtail_follower_message(follower)))
		defer os.Exit(1)
	}
	C.redtail_follower_free(follower)
}
