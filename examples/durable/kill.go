package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/mapping"
)

// A demonstration kills a host so many times, each after so long.
type demonstration struct {
	kills int
	every time.Duration
}

// demonstrate hands leads to a host in another process and kills it in the middle
// of deliveries, then lets a last one do what is left, and counts. It is an error
// if one lead was lost.
func demonstrate(ctx context.Context, out io.Writer, postgres string, plan demonstration) error {
	receiver := delivertest.NewReceiver()
	defer receiver.Close()
	receiver.Answers(delivertest.Answer{Delay: 20 * time.Millisecond}) // slow enough to be killed meanwhile
	endpoints := make([]leadhook.Endpoint, 2)
	for i, id := range []string{"crm", "sales"} {
		endpoints[i] = leadhook.Endpoint{
			ID: id, URL: receiver.URL + "/" + id, Timeout: time.Second,
			Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: mapping.FieldLeadID, Name: "id"}}},
		}
	}
	bench, err := newBench(ctx, postgres, endpoints)
	if err != nil {
		return err
	}
	defer bench.close()

	var acknowledged int
	for i := range plan.kills {
		child, err := bench.start("-rescue", "4s", "-retry", "500ms")
		if err != nil {
			return err
		}
		n, err := child.feed(ctx, fmt.Sprintf("lead-%d", i), plan.every)
		child.kill()
		if err != nil {
			return err
		}
		acknowledged += n
		fmt.Fprintf(out, "killed it after %d leads\n", n)
	}
	child, err := bench.start("-rescue", "4s", "-retry", "500ms")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "started it again; what was under way waits until River has a new leader, which takes up to 21 s")
	if err := child.finish(ctx); err != nil {
		child.kill()
		return err
	}
	if err := child.stop(); err != nil {
		return err
	}
	committed, err := bench.leads(ctx)
	if err != nil {
		return err
	}
	return report(out, acknowledged, committed, endpoints, receiver.Received())
}

// report counts what was committed and what arrived.
func report(out io.Writer, acknowledged int, committed []string, endpoints []leadhook.Endpoint, received []delivertest.Received) error {
	type message struct{ path, leadID string }
	type delivery struct{ path, webhookID string }
	arrived := make(map[message]bool)
	times := make(map[delivery]int)
	twice := 0
	for _, r := range received {
		var body struct{ ID string }
		if err := json.Unmarshal(r.Body, &body); err != nil {
			return err
		}
		arrived[message{r.Path, body.ID}] = true
		d := delivery{r.Path, r.Header.Get("webhook-id")}
		if times[d]++; times[d] == 2 {
			twice++
		}
	}
	lost := 0
	for _, id := range committed {
		for _, e := range endpoints {
			m := message{"/" + e.ID, id}
			if !arrived[m] {
				lost++
			}
			delete(arrived, m)
		}
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nleads committed\t%d\t\n", len(committed))
	fmt.Fprintf(t, "answered 202 before a kill\t%d\t\n", acknowledged)
	fmt.Fprintf(t, "deliveries due\t%d\t\n", len(committed)*len(endpoints))
	fmt.Fprintf(t, "received\t%d\t\n", len(received))
	fmt.Fprintf(t, "received twice, with the same webhook-id\t%d\t\n", twice)
	fmt.Fprintf(t, "received, and not committed\t%d\t\n", len(arrived))
	fmt.Fprintf(t, "lost\t%d\t\n", lost)
	if err := t.Flush(); err != nil {
		return err
	}
	switch {
	case lost > 0:
		return fmt.Errorf("%d deliveries were lost", lost)
	case acknowledged > len(committed):
		return fmt.Errorf("%d leads were acknowledged, and are not there", acknowledged-len(committed))
	case len(arrived) > 0:
		return fmt.Errorf("%d deliveries arrived of leads that were not committed", len(arrived))
	}
	return nil
}

// feed hands leads over for so long, and returns how many were taken.
func (c *child) feed(ctx context.Context, prefix string, d time.Duration) (taken int, err error) {
	end := time.Now().Add(d)
	for i := 0; time.Now().Before(end); i++ {
		if err := c.post(ctx, fmt.Sprintf("%s-%d", prefix, i)); err != nil {
			return taken, err
		}
		taken++
	}
	return taken, nil
}

// client keeps a connection open for each sender.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}

func (c *child) post(ctx context.Context, id string) error {
	body, err := json.Marshal(mapping.Lead{mapping.FieldLeadID: id, mapping.FieldCreatedAt: time.Now()})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", c.url+"/leads", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("lead %s: %s: %s", id, resp.Status, text)
	}
	return err
}

// finish waits until nothing is left to send.
func (c *child) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, "GET", c.url+"/health", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		var state health
		err = json.NewDecoder(resp.Body).Decode(&state)
		resp.Body.Close()
		if err != nil {
			return err
		}
		left := 0
		for name, n := range state.Jobs {
			if name != rivertype.JobStateCancelled && name != rivertype.JobStateDiscarded {
				left += n
			}
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d deliveries are left", left), ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
