package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// maxLead is how long a lead may be, in bytes of JSON.
const maxLead = 64 << 10

// databaseTimeout bounds what a request asks of the database: one that is away
// says so at once, one that does not answer by then.
const databaseTimeout = 5 * time.Second

func (h *host[TTx]) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /leads", h.postLead)
	mux.HandleFunc("GET /leads/{id}", h.getLead)
	mux.HandleFunc("POST /endpoints/{id}/test", h.postTest)
	mux.HandleFunc("GET /health", h.getHealth)
	return mux
}

// errBadLead: what came is no lead.
var errBadLead = errors.New("bad lead")

// postLead answers 202 when the lead is stored, with what became of it for each
// endpoint; 200 when it was known and there is nothing new to tell; 400 for what
// is no lead; 503 when nothing was stored, so that it should be sent again.
func (h *host[TTx]) postLead(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLead))
	if err != nil {
		http.Error(w, fmt.Sprintf("the lead cannot be read: %v", err), http.StatusBadRequest)
		return
	}
	lead, err := mapping.ParseLead(data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id, err := leadID(lead)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), databaseTimeout)
	defer cancel()
	text := strings.ToValidUTF8(string(data), "\ufffd") // PostgreSQL takes no other
	deliveries, err := h.store(ctx, id, lead, text)
	switch {
	case errors.Is(err, errBadLead):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		unavailable(w, err)
	case deliveries == nil:
		answer(w, http.StatusOK, map[string]any{"leadId": id, "deliveries": []told{}})
	default:
		answer(w, http.StatusAccepted, map[string]any{"leadId": id, "deliveries": tell(deliveries)})
	}
}

// store keeps a lead and the deliveries of it in one transaction. There are none
// where the lead was known and has nothing new to tell.
func (h *host[TTx]) store(ctx context.Context, id string, lead mapping.Lead, text string) (deliveries []leadhook.Delivery, err error) {
	err = h.db.inTx(ctx, func(tx TTx, row query) error {
		// The statement locks the lead's row: of two changes of one lead at once, the
		// second sees what the first has stored.
		var previous sql.NullString
		err := row(`INSERT INTO leads (id, lead) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET previous = leads.lead, lead = excluded.lead RETURNING previous`, id, text).Scan(&previous)
		if err != nil {
			return err
		}
		var before mapping.Lead
		if previous.Valid {
			if before, err = mapping.ParseLead([]byte(previous.String)); err != nil {
				return err
			}
		}
		kind, news := routing.Classify(before, lead)
		if !news {
			return nil
		}
		// The message gets an ID here, once: it is dispatched where the lead changes,
		// in the same transaction, and the job keeps its ID however often it is sent.
		// The history says from now on that they are queued.
		var unrecorded error
		queue, err := history.New(h.queue.Tx(tx), h.db.historyTx(tx), &history.Options{
			OnError: func(_ context.Context, err error) { unrecorded = err },
		})
		if err != nil {
			return err
		}
		deliveries, err = h.dispatcher.Using(queue).Dispatch(ctx, routing.Message{Type: kind, Lead: lead})
		if deliveries == nil && err != nil {
			return fmt.Errorf("%w: %w", errBadLead, err)
		}
		for _, d := range deliveries {
			// What an endpoint can never take costs that endpoint only.
			if d.Err != nil && !errors.Is(d.Err, deliver.ErrRejected) {
				return d.Err
			}
		}
		return unrecorded
	})
	return deliveries, err
}

// leadID is a lead's ID as text.
func leadID(lead mapping.Lead) (string, error) {
	v, ok := lead.Value(mapping.FieldLeadID)
	if !ok {
		return "", errors.New("the lead has no leadId")
	}
	text, err := mapping.AppendText(nil, v)
	if err != nil {
		return "", fmt.Errorf("the leadId cannot be used: %w", err)
	}
	id := string(text)
	if id == "" || len(id) > 200 || strings.ContainsFunc(id, unicode.IsControl) {
		return "", errors.New("the leadId must be printable text of 1 to 200 bytes")
	}
	return id, nil
}

// told is what became of a message for one endpoint.
type told struct {
	Endpoint string `json:"endpoint"`
	Status   string `json:"status"` // queued, not told, or rejected
	Reason   string `json:"reason,omitempty"`
}

func tell(deliveries []leadhook.Delivery) []told {
	list := make([]told, len(deliveries))
	for i, d := range deliveries {
		switch {
		case d.Err != nil:
			list[i] = told{d.EndpointID, "rejected", d.Err.Error()}
		case d.Receipt != nil:
			list[i] = told{d.EndpointID, string(d.Receipt.Status), ""}
		default:
			list[i] = told{d.EndpointID, "not told", d.Decision.Reason.String()}
		}
	}
	return list
}

// outcome is an entry of the history, for who asks what became of a lead.
type outcome struct {
	Endpoint  string         `json:"endpoint"`
	Message   string         `json:"message"`
	MessageID string         `json:"messageId"` // the webhook-id
	Status    history.Status `json:"status"`
	Cause     deliver.Cause  `json:"cause,omitempty"`
	Remedy    string         `json:"remedy,omitempty"`
	Attempts  int            `json:"attempts"`
	At        time.Time      `json:"at"`
}

// getLead says what became of a lead, newest first: queued, delivered or failed,
// after so many attempts.
func (h *host[TTx]) getLead(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), databaseTimeout)
	defer cancel()
	id := r.PathValue("id")
	var lead string
	err := h.db.sql.QueryRowContext(ctx, "SELECT lead FROM leads WHERE id = $1", id).Scan(&lead)
	if errors.Is(err, sql.ErrNoRows) {
		http.Error(w, "there is no such lead", http.StatusNotFound)
		return
	}
	if err != nil {
		unavailable(w, err)
		return
	}
	page, err := h.db.history.List(ctx, history.Filter{LeadID: id, Limit: 500})
	if err != nil {
		unavailable(w, err)
		return
	}
	list := make([]outcome, len(page.Entries))
	for i, e := range page.Entries {
		list[i] = outcome{e.EndpointID, e.MessageType, e.MessageID, e.Status, e.Cause, e.Remedy(), len(e.Attempts), e.UpdatedAt}
	}
	answer(w, http.StatusOK, map[string]any{"leadId": id, "lead": json.RawMessage(lead), "outcomes": list})
}

// postTest sends the example lead to an endpoint and says at once what came of it.
func (h *host[TTx]) postTest(w http.ResponseWriter, r *http.Request) {
	receipt, err := h.dispatcher.SendTest(r.Context(), r.PathValue("id"))
	failure, sent := errors.AsType[*deliver.Error](err)
	switch {
	case err == nil:
		answer(w, http.StatusOK, map[string]any{"status": receipt.Status})
	case errors.Is(err, leadhook.ErrUnknownEndpoint):
		http.Error(w, err.Error(), http.StatusNotFound)
	case sent:
		answer(w, http.StatusBadGateway, map[string]any{"error": failure.Error(), "cause": failure.Cause, "remedy": failure.Cause.Remedy()})
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// unavailable answers that nothing was stored, or could be read. Why is for the
// log: the database's errors are nothing for strangers.
func unavailable(w http.ResponseWriter, err error) {
	slog.Error(err.Error())
	w.Header().Set("Retry-After", "1")
	http.Error(w, "the database is away; nothing was stored, send it again", http.StatusServiceUnavailable)
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		slog.Error(err.Error())
	}
}
