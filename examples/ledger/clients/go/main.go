// A transfer that has one answer however often it is sent, and one that is refused: go run . [HOST:PORT…]
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	bankv1 "example.com/client/gen/bank/v1"
)

func main() {
	addresses := os.Args[1:]
	if len(addresses) == 0 {
		addresses = []string{"127.0.0.1:4100"}
	}
	once, err := newSession(addresses...)
	if err != nil {
		log.Fatal(err)
	}
	transfer := func(amount int64) error {
		request := &bankv1.TransferRequest{From: "ann", To: "bob", Amount: amount}
		return once.call(10*time.Second, func(ctx context.Context, conn *grpc.ClientConn, trailer grpc.CallOption) error {
			answer, err := bankv1.NewLedgerClient(conn).Transfer(ctx, request, trailer)
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
