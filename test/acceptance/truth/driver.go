// Calls as the page about clients makes them: driver WORKERS ADDRESS…
//
// Beside it lie session.go and the generated code. Each line of the input is a call: id, way (session or bare), path, timeout
// in seconds and the request in hexadecimal; each line of the output how it ended: id, outcome, status code and the response.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// raw carries the messages' bytes as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = append([]byte{}, data...); return nil }
func (raw) Name() string                       { return "proto" }

var printing sync.Mutex

func ended(id, outcome string, code codes.Code, response []byte) {
	printing.Lock()
	defer printing.Unlock()
	text := hex.EncodeToString(response)
	if text == "" {
		text = "-"
	}
	fmt.Println(id, outcome, int(code), text)
}

func work(addresses []string, calls <-chan []string) {
	once, err := newSession(addresses...)
	if err != nil {
		log.Fatal(err)
	}
	bare, err := newSession(addresses...)
	if err != nil {
		log.Fatal(err)
	}
	for call := range calls {
		id, way, path := call[0], call[1], call[2]
		seconds, _ := strconv.ParseFloat(call[3], 64)
		request, _ := hex.DecodeString(call[4])
		timeout := time.Duration(seconds * float64(time.Second))
		var response []byte
		outcome := "answered"
		if way == "session" {
			err = once.call(timeout, func(ctx context.Context, conn *grpc.ClientConn, trailer grpc.CallOption) error {
				return conn.Invoke(ctx, path, &request, &response, grpc.ForceCodec(raw{}), trailer)
			})
			if none := (*failed)(nil); errors.As(err, &none) {
				outcome = none.outcome
			}
		} else {
			var trailer metadata.MD
			bare.conns = append(bare.conns[1:], bare.conns[0])
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			err = bare.conns[0].Invoke(ctx, path, &request, &response, grpc.ForceCodec(raw{}), grpc.Trailer(&trailer))
			cancel()
			if err != nil {
				outcome = append(trailer.Get("synod-outcome"), "unknown")[0]
			}
		}
		if err != nil {
			response = nil
		}
		ended(id, outcome, status.Code(err), response)
	}
}

func main() {
	workers, _ := strconv.Atoi(os.Args[1])
	addresses := os.Args[2:]
	calls := make(chan []string)
	for number := range workers {
		first := number % len(addresses)
		go work(append(append([]string{}, addresses[first:]...), addresses[:first]...), calls)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		calls <- strings.Fields(lines.Text())
	}
}
