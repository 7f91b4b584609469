// A client that outlives its cluster: living HOST:PORT…
//
// Beside it lie session.go and the generated code. Each line of the input is a path and a request in hexadecimal, called in
// one session; each line of the output how the call ended, as JSON.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
)

// raw carries the messages' bytes as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = append([]byte{}, data...); return nil }
func (raw) Name() string                       { return "proto" }

func main() {
	once, err := newSession(os.Args[1:]...)
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		request, _ := hex.DecodeString(words[1])
		var response []byte
		err := once.call(15*time.Second, func(ctx context.Context, conn *grpc.ClientConn, trailer grpc.CallOption) error {
			return conn.Invoke(ctx, words[0], &request, &response, grpc.ForceCodec(raw{}), trailer)
		})
		ended := map[string]string{"outcome": "answered", "details": ""}
		if none := (*failed)(nil); errors.As(err, &none) {
			ended = map[string]string{"outcome": none.outcome, "details": err.Error()}
		} else if err != nil {
			ended = map[string]string{"outcome": "refused by the service", "details": err.Error()}
		}
		text, _ := json.Marshal(ended)
		fmt.Println(string(text))
	}
}
