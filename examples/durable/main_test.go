package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/internal/pgtest"
)

// TestMain makes this program the host, for what starts it as a child.
func TestMain(m *testing.M) {
	if os.Getenv("DURABLE_CHILD") != "" {
		main()
		return
	}
	os.Setenv("DURABLE_CHILD", "yes")
	slog.SetLogLoggerLevel(slog.LevelError + 1) // what is logged is no part of the tests
	os.Exit(m.Run())
}

// A running host, whatever its database is.
type running struct {
	t       *testing.T
	handler http.Handler
	health  func(context.Context) (*health, error)
	crm     *delivertest.Receiver
	away    func() (back func())
	leads   func() int         // how many leads are stored
	exec    func(query string) // behind the host's back
}

// The databases that the tests run on.
var databases = map[string]func(*testing.T, func([]leadhook.Endpoint)) *running{
	"SQLite": func(t *testing.T, adjust func([]leadhook.Endpoint)) *running {
		file := filepath.Join(t.TempDir(), "durable.db")
		db, err := openSQLite(file)
		require.NoError(t, err)
		again, err := openSQLite(file)
		require.NoError(t, err)
		r := start(t, db, again, adjust)
		r.away = func() func() { // another process writes, and does not end
			tx, err := again.sql.Begin()
			require.NoError(t, err)
			return func() { require.NoError(t, tx.Rollback()) }
		}
		return r
	},
	"PostgreSQL": func(t *testing.T, adjust func([]leadhook.Endpoint)) *running {
		url := pgtest.Start(t)
		db, err := openPostgres(t.Context(), url, 10)
		require.NoError(t, err)
		again, err := openPostgres(t.Context(), url, 1)
		require.NoError(t, err)
		r := start(t, db, again, adjust)
		r.away = func() func() { // nobody gets in any more
			config, err := pgx.ParseConfig(url)
			require.NoError(t, err)
			name := config.Database
			config.Database = "postgres"
			conn, err := pgx.ConnectConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(func() { conn.Close(context.Background()) })
			allow := func(is string) {
				_, err := conn.Exec(t.Context(), "ALTER DATABASE "+name+" ALLOW_CONNECTIONS "+is)
				require.NoError(t, err)
			}
			allow("false")
			_, err = conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
			require.NoError(t, err)
			return func() { allow("true") }
		}
		return r
	},
}

// start runs a host with the demonstration's endpoints. again is its database,
// too, to look at when it is away.
func start[TTx any](t *testing.T, db, again *database[TTx], adjust func([]leadhook.Endpoint)) *running {
	t.Cleanup(db.close)
	t.Cleanup(again.close)
	crm := delivertest.NewReceiver()
	t.Cleanup(crm.Close)
	endpoints := demo(crm.URL)
	if adjust != nil {
		adjust(endpoints)
	}
	h, err := newHost(t.Context(), db, endpoints, settings{workers: 10, rescue: time.Minute, private: true})
	require.NoError(t, err)
	require.NoError(t, h.client.Start(context.Background()))
	t.Cleanup(func() { assert.NoError(t, h.stop(&http.Server{})) })
	return &running{
		t: t, handler: h.handler(), health: h.health, crm: crm,
		leads: func() (n int) {
			require.NoError(t, again.sql.QueryRow("SELECT count(*) FROM leads").Scan(&n))
			return n
		},
		exec: func(query string) {
			_, err := again.sql.Exec(query)
			require.NoError(t, err)
		},
	}
}

// each runs a test on every database.
func each(t *testing.T, test func(*testing.T, func(*testing.T, func([]leadhook.Endpoint)) *running)) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func (r *running) ask(method, path, body string) (int, string) {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// received waits for so many requests and returns their paths and bodies.
func (r *running) received(n int) []string {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return len(r.crm.Received()) >= n }, 30*time.Second, 5*time.Millisecond)
	var list []string
	for _, x := range r.crm.Received() {
		list = append(list, x.Path+" "+string(x.Body))
	}
	return list
}

const (
	jane    = `{"leadId":"1","firstName":"Jane","email":"jane@example.com"}`
	meeting = `{"leadId":"1","firstName":"Jane","email":"jane@example.com","requestedMeetingTime":"2026-04-22T19:45:00Z"}`
)

func TestALeadIsStoredAndDelivered(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T, func([]leadhook.Endpoint)) *running) {
		r := open(t, nil)
		code, answer := r.ask("POST", "/leads", jane)
		assert.Equal(t, http.StatusAccepted, code)
		assert.JSONEq(t, `{"leadId":"1","deliveries":[{"endpoint":"crm","status":"queued"},{"endpoint":"newsletter","status":"queued"},
			{"endpoint":"calendar","status":"not told","reason":"The endpoint takes lead updates only."}]}`, answer)
		assert.ElementsMatch(t, []string{
			`/crm {"messageType":"new_lead","id":"1","contact":{"firstName":"Jane","email":"jane@example.com"}}`,
			`/newsletter messageType=new_lead&EMAIL=jane%40example.com`,
		}, r.received(2))

		// The same lead again is no news, a meeting is.
		code, answer = r.ask("POST", "/leads", jane)
		assert.Equal(t, http.StatusOK, code)
		assert.JSONEq(t, `{"leadId":"1","deliveries":[]}`, answer)
		code, answer = r.ask("POST", "/leads", meeting)
		assert.Equal(t, http.StatusAccepted, code, answer)
		got := r.received(4)
		require.Len(t, got, 4)
		assert.ElementsMatch(t, []string{
			`/crm {"messageType":"lead_update","id":"1","contact":{"firstName":"Jane","email":"jane@example.com"},"meeting":"2026-04-22T19:45:00Z"}`,
			`/calendar <?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<lead><messageType>lead_update</messageType><guest>jane@example.com</guest><start>2026-04-22T19:45:00Z</start></lead>`,
		}, got[2:])
		code, _ = r.ask("POST", "/leads", meeting)
		assert.Equal(t, http.StatusOK, code)
		assert.Equal(t, 1, r.leads())

		var became struct {
			Lead     map[string]string
			Outcomes []outcome
		}
		require.Eventually(t, func() bool { // an attempt is recorded when its answer is there
			code, answer = r.ask("GET", "/leads/1", "")
			require.Equal(t, http.StatusOK, code, answer)
			require.NoError(t, json.Unmarshal([]byte(answer), &became))
			return len(became.Outcomes) == 4 && !slices.ContainsFunc(became.Outcomes, func(o outcome) bool { return o.Status == history.Queued })
		}, 30*time.Second, 5*time.Millisecond)
		assert.Equal(t, "2026-04-22T19:45:00Z", became.Lead["requestedMeetingTime"], "the lead is as it was told last")
		for _, o := range became.Outcomes {
			assert.Equal(t, "delivered", string(o.Status))
			assert.Equal(t, 1, o.Attempts)
		}
		code, _ = r.ask("GET", "/leads/2", "")
		assert.Equal(t, http.StatusNotFound, code)
	})
}

func TestWhatIsNoLead(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T, func([]leadhook.Endpoint)) *running) {
		r := open(t, nil)
		for name, test := range map[string]struct{ body, says string }{
			"nothing":         {``, "ends after 0 bytes"},
			"a list":          {`[]`, "a lead is a JSON object"},
			"without an ID":   {`{"email":"jane@example.com"}`, "the lead has no leadId"},
			"an empty ID":     {`{"leadId":""}`, "1 to 200 bytes"},
			"a long ID":       {`{"leadId":"` + strings.Repeat("1", 201) + `"}`, "1 to 200 bytes"},
			"a NUL in the ID": {`{"leadId":"a\u0000"}`, "printable"},
			"a list as ID":    {`{"leadId":{"a":1}}`, "leadId cannot be used"},
			"a long lead":     {`{"leadId":"1","message":"` + strings.Repeat("a", maxLead) + `"}`, "too large"},
		} {
			t.Run(name, func(t *testing.T) {
				code, answer := r.ask("POST", "/leads", test.body)
				assert.Equal(t, http.StatusBadRequest, code)
				assert.Contains(t, answer, test.says)
			})
		}
		assert.Zero(t, r.leads())
	})
}

func TestTheSameLeadManyTimesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T, func([]leadhook.Endpoint)) *running) {
		r := open(t, nil)
		codes := make([]int, 8)
		var wg sync.WaitGroup
		for i := range codes {
			wg.Go(func() { codes[i], _ = r.ask("POST", "/leads", jane) })
		}
		wg.Wait()
		slices.Sort(codes)
		assert.Equal(t, []int{200, 200, 200, 200, 200, 200, 200, 202}, codes)
		r.ask("POST", "/leads", meeting)
		assert.Len(t, r.received(4), 4)
	})
}

// No database refuses a lead for its odd bytes.
func TestOddBytes(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T, func([]leadhook.Endpoint)) *running) {
		r := open(t, nil)
		code, answer := r.ask("POST", "/leads", "{\"leadId\":\"1\xff\",\"firstName\":\"a\\u0000\xff\"}")
		assert.Equal(t, http.StatusAccepted, code, answer)
		assert.Contains(t, r.received(2), "/crm {\"messageType\":\"new_lead\",\"id\":\"1\ufffd\",\"contact\":{\"firstName\":\"a\\u0000\ufffd\"}}")
	})
}

func TestTheDatabaseIsAway(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T, func([]leadhook.Endpoint)) *running) {
		r := open(t, nil)
		back := r.away()
		code, answer := r.ask("POST", "/leads", jane)
		assert.Equal(t, http.StatusServiceUnavailable, code)
		assert.Equal(t, "the database is away; nothing was stored, send it again", answer)
		back()
		assert.Zero(t, r.leads())
		assert.Empty(t, r.crm.Received())

		// The host goes on where it was. Each connection of the pool may fail once:
		// that it is dead shows when it is used.
		require.Eventually(t, func() bool {
			code, _ := r.ask("POST", "/leads", jane)
			return code == http.StatusAccepted
		}, 30*time.Second, 5*time.Millisecond)
		assert.Len(t, r.received(2), 2)
		assert.Equal(t, 1, r.leads())
	})
}

// Of what the queue cannot store, the lead is not stored either.
func TestTheQueueIsAway(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T, func([]leadhook.Endpoint)) *running) {
		r := open(t, nil)
		r.exec("ALTER TABLE river_job RENAME TO gone")
		code, _ := r.ask("POST", "/leads", jane)
		assert.Equal(t, http.StatusServiceUnavailable, code)
		assert.Zero(t, r.leads())
		r.exec("ALTER TABLE gone RENAME TO river_job")
		code, _ = r.ask("POST", "/leads", jane)
		assert.Equal(t, http.StatusAccepted, code)
		assert.Equal(t, 1, r.leads())
	})
}

func TestHealth(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T, func([]leadhook.Endpoint)) *running) {
		r := open(t, func(endpoints []leadhook.Endpoint) { endpoints[1].Held = true })
		r.crm.Answers(delivertest.Code(401))
		r.ask("POST", "/leads", jane)
		require.Eventually(t, func() bool {
			state, err := r.health(t.Context())
			require.NoError(t, err)
			return state.Jobs["cancelled"] == 1 && state.Jobs["pending"] == 1 && state.Held["newsletter"] == 1
		}, 30*time.Second, 10*time.Millisecond)
		code, answer := r.ask("GET", "/health", "")
		assert.Equal(t, http.StatusOK, code)
		assert.JSONEq(t, `{"jobs":{"cancelled":1,"pending":1},"oldest":"0s","held":{"newsletter":1}}`, answer)
		_, answer = r.ask("GET", "/leads/1", "")
		assert.Contains(t, answer, `"status":"queued"`, "for the newsletter")
		assert.Contains(t, answer, `"status":"failed","cause":"authentication"`)
	})
}

func TestATestLeadIsAnsweredAtOnce(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T, func([]leadhook.Endpoint)) *running) {
		r := open(t, nil)
		code, answer := r.ask("POST", "/endpoints/crm/test", "")
		assert.Equal(t, http.StatusOK, code)
		assert.JSONEq(t, `{"status":"delivered"}`, answer)
		r.crm.Answers(delivertest.Code(401))
		code, answer = r.ask("POST", "/endpoints/crm/test", "")
		assert.Equal(t, http.StatusBadGateway, code)
		assert.Contains(t, answer, `"cause":"authentication"`)
		code, _ = r.ask("POST", "/endpoints/nobody/test", "")
		assert.Equal(t, http.StatusNotFound, code)
	})
}

func TestManyStartAtOnce(t *testing.T) {
	file, url := filepath.Join(t.TempDir(), "durable.db"), pgtest.Start(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if db, err := openSQLite(file); assert.NoError(t, err) {
				defer db.close()
				_, err := newHost(t.Context(), db, nil, settings{rescue: time.Minute})
				assert.NoError(t, err)
			}
		})
		wg.Go(func() {
			if db, err := openPostgres(t.Context(), url, 2); assert.NoError(t, err) {
				defer db.close()
				_, err := newHost(t.Context(), db, nil, settings{rescue: time.Minute})
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
}

// The README's commands, in a shell, on the host that it starts first. In the end
// it stops as a deploy stops it.
func TestREADME(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	commands := regexp.MustCompile(`(?m)^curl .*`).FindAllString(string(text), -1)
	require.Len(t, commands, 5)
	b := &bench{args: []string{"-listen", "127.0.0.1:0", "-quiet", "-sqlite", filepath.Join(t.TempDir(), "durable.db")}}
	c, err := b.start()
	require.NoError(t, err)
	t.Cleanup(c.kill)
	said := make([]string, len(commands))
	for i, command := range commands {
		command = strings.NewReplacer("curl ", "curl -sSf --noproxy '*' ", "http://127.0.0.1:8080", c.url).Replace(command)
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
		said[i] = string(out)
	}
	assert.Contains(t, said[0], `"endpoint":"newsletter","status":"queued"`)
	assert.Contains(t, said[1], `"endpoint":"calendar","status":"queued"`)
	assert.Contains(t, said[2], `"requestedMeetingTime":"2026-04-22T19:45:00Z"`)
	assert.JSONEq(t, `{"status":"delivered"}`, said[3])
	require.NoError(t, c.finish(t.Context()))
	assert.NoError(t, c.stop())
}

// What README.md says of SQLite: a commit is on the disk, and a copy is sound.
func TestOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	db, err := openSQLite(filepath.Join(dir, "durable.db"))
	require.NoError(t, err)
	defer db.close()
	var synchronous int
	require.NoError(t, db.sql.QueryRow("PRAGMA synchronous").Scan(&synchronous))
	assert.Equal(t, 2, synchronous, "2 is FULL")
	require.NoError(t, db.migrate(t.Context()))
	_, err = db.sql.Exec("INSERT INTO leads (id, lead) VALUES ('1', '{}')")
	require.NoError(t, err)
	_, err = db.sql.Exec("VACUUM INTO ?", filepath.Join(dir, "copy.db"))
	require.NoError(t, err)
	again, err := openSQLite(filepath.Join(dir, "copy.db"))
	require.NoError(t, err)
	defer again.close()
	var n int
	require.NoError(t, again.sql.QueryRow("SELECT count(*) FROM leads").Scan(&n))
	assert.Equal(t, 1, n)
}

func TestKilled(t *testing.T) {
	for name, postgres := range map[string]string{"SQLite": "", "PostgreSQL": pgtest.Start(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			require.NoError(t, demonstrate(t.Context(), &out, postgres, demonstration{kills: 2, every: 300 * time.Millisecond}), "%s", &out)
			assert.Regexp(t, `leads committed +[1-9]`, out.String())
			assert.Regexp(t, `twice, with the same webhook-id +[1-9]`, out.String(), "it was killed while it was sending")
			t.Log(out.String())
		})
	}
}

func TestMeasured(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, measured(t.Context(), &out, settings{workers: 10, pool: 5}, 10))
	assert.Regexp(t, `stored and sent, all at once +[1-9]`, out.String())
}

// What report says of a lead that did not arrive, and of one that should not have.
func TestReport(t *testing.T) {
	arrived := func(path, id, webhookID string) delivertest.Received {
		return delivertest.Received{Path: path, Header: http.Header{"Webhook-Id": {webhookID}}, Body: []byte(`{"id":"` + id + `"}`)}
	}
	endpoints := []leadhook.Endpoint{{ID: "crm"}}
	a, b := arrived("/crm", "a", "msg_a"), arrived("/crm", "b", "msg_b")
	for name, test := range map[string]struct {
		committed    []string
		acknowledged int
		received     []delivertest.Received
		err          string
	}{
		"all":               {[]string{"a", "b"}, 2, []delivertest.Received{a, b}, ""},
		"one again":         {[]string{"a", "b"}, 1, []delivertest.Received{a, b, a}, ""},
		"one lost":          {[]string{"a", "b"}, 2, []delivertest.Received{a, a}, "1 deliveries were lost"},
		"one not stored":    {[]string{"a"}, 2, []delivertest.Received{a}, "1 leads were acknowledged, and are not there"},
		"one not committed": {[]string{"a"}, 1, []delivertest.Received{a, b}, "1 deliveries arrived of leads that were not committed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := report(io.Discard, test.acknowledged, test.committed, endpoints, test.received)
			if test.err == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, test.err)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "endpoints.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"id":"crm","url":"https://crm.example.com","timeout":60000000000}]`), 0o600))
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"not a flag":       {[]string{"kill"}, "it takes flags only"},
		"no such file":     {[]string{"-endpoints", "nowhere.json"}, "nowhere.json"},
		"a long timeout":   {[]string{"-endpoints", file}, `endpoint "crm": `},
		"no such database": {[]string{"-postgres", "postgres://127.0.0.1:1/"}, "making the tables"},
		"a bad database":   {[]string{"-postgres", "postgres://a:b:c"}, "parse"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"-listen", "127.0.0.1:0", "-sqlite", filepath.Join(t.TempDir(), "durable.db")}, test.args...)
			assert.ErrorContains(t, run(t.Context(), args, io.Discard), test.says)
		})
	}
}
