package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

func TestWhatIsSeenOfADelivery(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	want := `level=WARN msg=attempt message=new-1 endpoint=crm number=1 status=503 cause=http_status
level=INFO msg=attempt message=new-1 endpoint=crm number=2 status=200 cause=""
span "deliver to 127.0.0.1", status 503, in the lead's trace: true
span "deliver to 127.0.0.1", status 200, in the lead's trace: true
span "a lead comes in", status none, in the lead's trace: true
the receiver was told the trace: true
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// A Deliverer that is observed keeps the contract.
func TestItIsADeliverer(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	delivertest.Run(t, func(t *testing.T) delivertest.Rig {
		r := delivertest.NewReceiver()
		t.Cleanup(r.Close)
		h := newHTTP(slog.New(slog.NewTextHandler(io.Discard, nil)), provider)
		t.Cleanup(h.CloseIdleConnections)
		return delivertest.Rig{Deliverer: h, Destination: deliver.Destination{URL: r.URL}, Answers: r.Answers, Exchanges: r.Exchanges}
	})
	if err := provider.ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, s := range spans.GetSpans() {
		for _, kv := range s.Attributes {
			if strings.Contains(kv.Value.String(), "secret") {
				t.Errorf("a span has %s=%s", kv.Key, kv.Value.String())
			}
		}
	}
}
