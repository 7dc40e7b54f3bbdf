package deliver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"
)

// guardian knows IANA's special-purpose registries.
var guardian = ssrf.New(ssrf.WithAnyPort(), ssrf.WithAnyNetwork())

// Addresses at which cloud platforms hand out credentials or control a machine.
// All but Azure's are not public anyway; these stay blocked where private
// addresses are allowed.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),     // AWS, Google, Azure, Oracle, …: link-local
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure's wire server, on a public address
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS: instance data, DNS, time
	netip.MustParsePrefix("fd20:ce::/32"),       // Google
	netip.MustParsePrefix("fe80::/10"),          // link-local
}

// What AllowPrivate lets through.
var private = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"),
}

// CheckAddress refuses an address that leads should not be sent to: whatever
// IANA does not list as globally reachable (loopback, private, link-local,
// multicast, documentation, …), addresses that carry another one inside
// (NAT64, 6to4, Teredo, IPv4-compatible) and those at which cloud platforms
// hand out credentials. An IPv4-mapped address is judged by the IPv4 address.
//
// It is the rule of HTTP's own transport, for a host that dials by itself. Call
// it on the address that is dialled (net.Dialer.ControlContext): a host name may
// lead elsewhere a moment later.
func CheckAddress(a netip.Addr) error { return checkAddress(a, false) }

func checkAddress(a netip.Addr, allowPrivate bool) error {
	if !a.IsValid() {
		return &addressError{a, "it is no address"}
	}
	// A prefix contains no address that has a zone.
	a = a.WithZone("").Unmap()
	for _, p := range metadata {
		if p.Contains(a) {
			return &addressError{a, "it is a cloud platform's own"}
		}
	}
	for _, p := range private {
		switch {
		case !p.Contains(a):
		case allowPrivate:
			return nil
		default:
			return &addressError{a, "it is not public; AllowPrivate, of HTTP or of the Transport that it is given, allows it for development"}
		}
	}
	if guardian.SafeAddr(a) != nil {
		return &addressError{a, "it is not public"}
	}
	return nil
}

type addressError struct {
	addr netip.Addr
	why  string
}

func (e *addressError) Error() string {
	return fmt.Sprintf("address %v is blocked: %s", e.addr, e.why)
}

// A nameError is a host name that is not given to a proxy.
type nameError struct{ why string }

func (e *nameError) Error() string { return "the host name is blocked: " + e.why }

// control is the guard, at the last moment before a connection is made.
func control(allowPrivate bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return errors.Join(&addressError{why: "it is no address"}, err)
		}
		return checkAddress(ap.Addr(), allowPrivate)
	}
}
