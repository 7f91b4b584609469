// A transfer that is repeated until it has an answer, and one that is refused: go run . [HOST:PORT]
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	bankv1 "example.com/client/gen/bank/v1"
	synodv1 "example.com/client/gen/synod/v1"
)

// session makes calls one after another, each executed once, however often it has to be sent.
type session struct {
	name     string
	sequence int
}

func (s *session) call(attempts int, method func(context.Context) error) error {
	s.sequence++
	for attempt := 1; ; attempt++ {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := method(metadata.AppendToOutgoingContext(ctx,
			"synod-client-id", s.name,
			"synod-sequence", strconv.Itoa(s.sequence),
			// Everything before this call has its answer.
			"synod-acknowledged", strconv.Itoa(s.sequence-1)))
		cancel()
		code := status.Code(err)
		if (code != codes.Unavailable && code != codes.DeadlineExceeded) || attempt == attempts {
			return err
		}
	}
}

func main() {
	address := "127.0.0.1:4100"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	opened, err := synodv1.NewReplicaClient(conn).OpenSession(context.Background(), &synodv1.OpenSessionRequest{})
	if err != nil {
		log.Fatal(err)
	}
	ledger := bankv1.NewLedgerClient(conn)
	once := &session{name: opened.ClientId}
	transfer := func(amount int64) error {
		return once.call(3, func(ctx context.Context) error {
			answer, err := ledger.Transfer(ctx, &bankv1.TransferRequest{From: "ann", To: "bob", Amount: amount})
			if err == nil {
				fmt.Println("ann has", answer.Balance)
			}
			return err
		})
	}

	if err := transfer(5); err != nil {
		log.Fatal(err)
	}
	// As after a lost answer: the same sequence again has the same answer, and moves no money.
	once.sequence--
	if err := transfer(5); err != nil {
		log.Fatal(err)
	}

	refused := status.Convert(transfer(1000))
	for _, detail := range refused.Details() {
		if funds, ok := detail.(*bankv1.InsufficientFunds); ok {
			fmt.Println(refused.Code(), refused.Message(), "missing", funds.Missing)
		}
	}
}
