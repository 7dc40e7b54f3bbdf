package routing_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// The full truth table: endpoint type × message type × meeting mapped × lead
// order × disabled. told is written out from the product's rules, endpoint type
// by message type, meeting not mapped and mapped.
func TestRoute(t *testing.T) {
	told := map[routing.EndpointType]map[routing.MessageType][2]bool{
		"":                         {"new_lead": {true, true}, "lead_update": {false, false}},
		routing.NewLeadsOnly:       {"new_lead": {true, true}, "lead_update": {false, false}},
		routing.LeadUpdatesOnly:    {"new_lead": {false, false}, "lead_update": {false, true}},
		routing.NewLeadsAndUpdates: {"new_lead": {true, true}, "lead_update": {false, true}},
		"everything":               {"new_lead": {false, false}, "lead_update": {false, false}},
	}
	orders := []struct {
		attached []string
		lead     any
		match    bool
	}{
		{nil, nil, true}, {nil, "a", true}, {[]string{"a"}, "a", true}, {[]string{"b", "a"}, "a", true},
		{[]string{"b"}, "a", false}, {[]string{"a"}, nil, false}, {[]string{"a"}, "", false}, {[]string{""}, "", false},
		{[]string{"17"}, 17, true}, {[]string{"17"}, json.Number("17"), true}, {[]string{"A"}, "a", false},
	}
	rows := 0
	for endpointType, byMessage := range told {
		for _, messageType := range []routing.MessageType{routing.MessageNewLead, routing.MessageLeadUpdate, "lead_deleted", ""} {
			for mapped := range 2 {
				for _, order := range orders {
					for _, disabled := range []bool{false, true} {
						e := routing.Endpoint{Type: endpointType, LeadOrders: order.attached, MapsMeetingTime: mapped == 1, Disabled: disabled}
						m := routing.Message{Type: messageType, Lead: mapping.Lead{"leadOrderId": order.lead}}
						want := byMessage[messageType][mapped] && order.match && !disabled
						got := routing.Route(e, m)
						require.Equal(t, want, got.Deliver, "%+v %v", e, m)
						require.Equal(t, want, got.Reason == routing.Matches)
						require.Equal(t, want, slices.Equal(slices.Collect(routing.NewTable([]routing.Endpoint{e}).Route(m)), []int{0}), "Table agrees")
						require.True(t, strings.HasSuffix(got.Reason.String(), "."), "a reason is a sentence")
						rows++
					}
				}
			}
		}
	}
	assert.Equal(t, 5*4*2*11*2, rows)
}

func TestReasons(t *testing.T) {
	order := mapping.Lead{"leadOrderId": "a"}
	for _, tt := range []struct {
		want routing.Reason
		e    routing.Endpoint
		m    routing.MessageType
	}{
		{routing.Matches, routing.Endpoint{}, "new_lead"},
		{routing.UnknownType, routing.Endpoint{}, "nonsense"},
		{routing.UnknownType, routing.Endpoint{Type: "nonsense"}, "new_lead"},
		{routing.Disabled, routing.Endpoint{Disabled: true, LeadOrders: []string{"b"}}, "new_lead"},
		{routing.OtherLeadOrder, routing.Endpoint{LeadOrders: []string{"b"}}, "new_lead"},
		{routing.NoNewLeads, routing.Endpoint{Type: routing.LeadUpdatesOnly}, "new_lead"},
		{routing.NoLeadUpdates, routing.Endpoint{MapsMeetingTime: true}, "lead_update"},
		{routing.NoMeetingTime, routing.Endpoint{Type: routing.NewLeadsAndUpdates}, "lead_update"},
	} {
		got := routing.Route(tt.e, routing.Message{Type: tt.m, Lead: order})
		assert.Equal(t, tt.want, got.Reason)
		text, err := got.Reason.MarshalText()
		require.NoError(t, err)
		var back routing.Reason
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, got.Reason, back)
	}
	_, err := routing.Reason(99).MarshalText()
	assert.Error(t, err)
}

func TestUnknownTypesAreRefusedWhereTheyEnter(t *testing.T) {
	assert.ErrorContains(t, routing.MessageType("newlead").Validate(), `"newlead" is no message type`)
	assert.Error(t, routing.MessageType("").Validate())
	assert.ErrorContains(t, routing.EndpointType("new_lead").Validate(), `new_leads, lead_updates`)
	assert.NoError(t, routing.EndpointType("").Validate())
	for _, e := range routing.EndpointTypes() {
		assert.NoError(t, e.Validate())
	}
	assert.ErrorContains(t, routing.Message{Type: "x", ID: "a.b"}.Validate(), "no message type")
	assert.ErrorContains(t, routing.Message{Type: "x", ID: "a.b"}.Validate(), `holds '.'`)
	assert.ErrorContains(t, routing.Message{Type: "x", ID: "a.b"}.Validate(), "no lead")
	for _, id := range []string{"a b", "ü", "a\x7f", "a\n", " "} {
		assert.Error(t, routing.Message{Type: routing.MessageNewLead, ID: id, Lead: mapping.Lead{}}.Validate(), "%q", id)
	}
	assert.NoError(t, routing.Message{Type: routing.MessageNewLead, ID: "msg_1", Lead: mapping.Lead{}}.Validate())
}

func TestAMessageIsASource(t *testing.T) {
	m := routing.Message{Type: routing.MessageNewLead, Lead: mapping.Lead{"email": "x", "messageType": "the lead's own"}}
	v, ok := m.Value("messageType")
	assert.True(t, ok)
	assert.Equal(t, "new_lead", v)
	v, ok = m.Value("email")
	assert.True(t, ok)
	assert.Equal(t, "x", v)
	_, ok = routing.Message{}.Value("email")
	assert.False(t, ok)
	_, ok = routing.Message{}.Value("messageType")
	assert.False(t, ok)
}

func TestTableAgreesWithRoute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.SampledFrom([]string{"a", "b", "c", ""})
		endpoint := rapid.Custom(func(t *rapid.T) routing.Endpoint {
			return routing.Endpoint{
				Type:            rapid.SampledFrom([]routing.EndpointType{"", routing.NewLeadsOnly, routing.LeadUpdatesOnly, routing.NewLeadsAndUpdates, "?"}).Draw(t, "type"),
				LeadOrders:      rapid.SliceOfN(order, 0, 3).Draw(t, "orders"),
				MapsMeetingTime: rapid.Bool().Draw(t, "mapped"),
				Disabled:        rapid.Bool().Draw(t, "disabled"),
			}
		})
		endpoints := rapid.SliceOfN(endpoint, 0, 20).Draw(t, "endpoints")
		m := routing.Message{
			Type: rapid.SampledFrom([]routing.MessageType{routing.MessageNewLead, routing.MessageLeadUpdate, "?"}).Draw(t, "message"),
			Lead: mapping.Lead{"leadOrderId": order.Draw(t, "order")},
		}
		var want []int
		for i, e := range endpoints {
			if routing.Route(e, m).Deliver {
				want = append(want, i)
			}
		}
		table := routing.NewTable(endpoints)
		require.Equal(t, want, slices.Collect(table.Route(m)))
		for range table.Route(m) {
			break // stopping early is fine
		}
	})
}

func BenchmarkTable(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		endpoints := make([]routing.Endpoint, n)
		for i := range endpoints {
			endpoints[i] = routing.Endpoint{Type: routing.NewLeadsAndUpdates, LeadOrders: []string{fmt.Sprint("order-", i/10)}}
		}
		m := routing.Message{Type: routing.MessageNewLead, Lead: mapping.Lead{"leadOrderId": fmt.Sprint("order-", n/20)}}
		table := routing.NewTable(endpoints)
		b.Run(fmt.Sprintf("endpoints=%d", n), func(b *testing.B) {
			for b.Loop() {
				matches := 0
				for range table.Route(m) {
					matches++
				}
				if matches != 10 {
					b.Fatal(matches)
				}
			}
		})
	}
}
