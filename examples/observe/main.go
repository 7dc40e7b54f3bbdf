// Observe shows a delivery to the tools that a host has already: a line of
// log/slog for each attempt, by HTTP.Observe, and an OpenTelemetry span for each,
// by otelhttp as HTTP.Transport. leadhook itself depends on neither.
//
//	go run .
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) error {
	// A host has an exporter that sends its spans somewhere. This one keeps them.
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	defer provider.Shutdown(context.Background())

	crm := delivertest.NewReceiver() // stands in for a customer's system
	defer crm.Close()
	crm.Answers(delivertest.Code(503), delivertest.Code(200))

	h := newHTTP(slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: steady})), provider)
	d, err := leadhook.New(h, nil)
	if err != nil {
		return err
	}
	err = d.SetEndpoints([]leadhook.Endpoint{{
		ID: "crm", URL: crm.URL + "/secret-path?key=secret", Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "email", Name: "email"}}},
	}})
	if err != nil {
		return err
	}
	ctx, span := provider.Tracer("host").Start(context.Background(), "a lead comes in")
	lead := mapping.Lead{"leadId": "1", "email": "jane@example.com"}
	_, err = d.Dispatch(ctx, routing.Message{ID: "new-1", Type: routing.MessageNewLead, Lead: lead})
	span.End()
	if err != nil {
		return err
	}
	for _, s := range spans.GetSpans() {
		fmt.Fprintf(out, "span %q, status %s, in the lead's trace: %t\n",
			s.Name, attribute(s, "http.response.status_code"), s.SpanContext.TraceID() == span.SpanContext().TraceID())
	}
	fmt.Fprintln(out, "the receiver was told the trace:", crm.Received()[0].Header.Get("Traceparent") != "")
	return nil
}

// newHTTP returns a Deliverer that logs and traces each attempt.
func newHTTP(logger *slog.Logger, provider trace.TracerProvider) *deliver.HTTP {
	return &deliver.HTTP{
		// Around leadhook's own Transport, so that addresses stay guarded.
		Transport: hideURL(otelhttp.NewTransport(
			showURL(&deliver.Transport{AllowPrivate: true}), // the receiver is on loopback
			otelhttp.WithTracerProvider(provider),
			otelhttp.WithPropagators(propagation.TraceContext{}),
			otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return "deliver to " + r.URL.Hostname() }),
		)),
		Backoff: func(int) time.Duration { return 10 * time.Millisecond },
		Observe: func(ctx context.Context, req *deliver.Request, a deliver.Attempt) {
			level := slog.LevelInfo
			if a.Cause != "" {
				level = slog.LevelWarn
			}
			logger.LogAttrs(ctx, level, "attempt",
				slog.String("message", req.ID), slog.String("endpoint", req.EndpointID), slog.Int("number", a.Number),
				slog.Int("status", a.StatusCode), slog.String("cause", string(a.Cause)), slog.Duration("took", a.Duration))
		},
	}
}

// A urlKey is where a URL is while a span is made of its request: path and query
// may hold a key, and spans keep the whole URL.
type urlKey struct{}

// hideURL leaves the host of it, and showURL puts it back before it is sent.
func hideURL(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		whole := r.URL
		r = r.Clone(context.WithValue(r.Context(), urlKey{}, whole))
		r.URL = &url.URL{Scheme: whole.Scheme, Host: whole.Host, Path: "/"}
		return next.RoundTrip(r)
	})
}

func showURL(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL = r.Context().Value(urlKey{}).(*url.URL)
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// steady leaves out of a line what differs from run to run.
func steady(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "took" {
		return slog.Attr{}
	}
	return a
}

func attribute(s tracetest.SpanStub, key string) string {
	for _, kv := range s.Attributes {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return "none"
}
