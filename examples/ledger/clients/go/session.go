package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	synodv1 "example.com/client/gen/synod/v1"
)

// failed says that there is no answer. Outcome "not-executed": it never will be, so call again as you like; "unknown":
// look first.
type failed struct {
	outcome string
	cause   error
}

func (f *failed) Error() string { return f.outcome + ": " + f.cause.Error() }
func (f *failed) Unwrap() error { return f.cause }

// session makes calls one after another, each executed once, however often it has to be sent and to whichever replica.
// For calls side by side, have several.
type session struct {
	conns         []*grpc.ClientConn
	cluster, name string
	sequence      int
}

func newSession(addresses ...string) (*session, error) {
	s := &session{}
	for _, address := range addresses {
		// A proxy that the environment names is the way to the outside world, and not to the cluster.
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		s.conns = append(s.conns, conn)
	}
	return s, nil
}

// method makes one attempt over a connection; it passes the option on, for the trailer.
type method func(context.Context, *grpc.ClientConn, grpc.CallOption) error

// call ends with nil, with what the service refuses as a gRPC status, or with *failed when there is no answer in time.
func (s *session) call(timeout time.Duration, method method) error {
	until := time.Now().Add(timeout)
	s.sequence++
	unknown, refusals := false, 0
	for {
		var trailer metadata.MD
		ctx, cancel := context.WithTimeout(context.Background(), min(time.Until(until), 2*time.Second))
		err, sent := error(nil), false
		if s.name == "" {
			err = s.open(ctx)
		}
		if err == nil {
			sent = true
			err = method(s.meant(ctx), s.conns[0], grpc.Trailer(&trailer))
		}
		cancel()
		outcome := append(trailer.Get("synod-outcome"), "")[0]
		if err == nil || sent && outcome == "answered" {
			return err
		}
		code := status.Code(err)
		unknown = unknown || sent && outcome != "not-executed"
		gone := sent && outcome != "" && code == codes.Aborted
		if gone {
			s.name = ""
		} else if !passing(code) && (!sent || outcome != "" || code == codes.Unimplemented) {
			// What one replica refuses, another may take: each is asked once.
			refusals++
		}
		// Under another session it would be another command: only what was certainly not executed goes on there.
		if gone && unknown || refusals == len(s.conns) || time.Until(until) < 50*time.Millisecond {
			if unknown {
				return &failed{"unknown", err}
			}
			return &failed{"not-executed", err}
		}
		s.conns = append(s.conns[1:], s.conns[0])
		time.Sleep(50 * time.Millisecond)
	}
}

// passing tells what is worth another attempt while there is time.
func passing(code codes.Code) bool {
	return code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.ResourceExhausted
}

func (s *session) open(ctx context.Context) error {
	if s.cluster != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "synod-cluster", s.cluster)
	}
	opened, err := synodv1.NewReplicaClient(s.conns[0]).OpenSession(ctx, &synodv1.OpenSessionRequest{})
	if err == nil {
		s.cluster, s.name, s.sequence = opened.ClusterId, opened.ClientId, 1
	}
	return err
}

// meant names the command. Another cluster, which answers at an old address, refuses what is not meant for it.
func (s *session) meant(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx,
		"synod-cluster", s.cluster,
		"synod-client-id", s.name,
		"synod-sequence", strconv.Itoa(s.sequence),
		// Nobody waits for an answer to anything before this call.
		"synod-acknowledged", strconv.Itoa(s.sequence-1))
}
