package deliver

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Addresses with what IANA's registries say of them: globally reachable or not.
func TestCheckAddress(t *testing.T) {
	for _, a := range []string{
		"8.8.8.8", "1.1.1.1", "93.184.215.14", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "192.0.1.1", "198.17.255.255", "223.255.255.255",
		"2606:4700::1111", "2a00:1450:4001::1", "2620:4f:7fff::1", "::ffff:8.8.8.8",
	} {
		assert.NoError(t, CheckAddress(netip.MustParseAddr(a)), a)
	}
	for _, a := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255",
		"192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16", "100.100.100.200",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1",
		"100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254",
		"fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1%eth0", "::1%lo", "2001:0:1::1",
	} {
		assert.Error(t, CheckAddress(netip.MustParseAddr(a)), a)
	}
	assert.Error(t, CheckAddress(netip.Addr{}), "no address at all")
	// What netip's own methods would have let through.
	for _, a := range []string{"100.64.0.1", "192.0.0.1", "198.18.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "5f00::1"} {
		addr := netip.MustParseAddr(a)
		assert.False(t, addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified(), a)
	}
}

func TestAllowPrivateKeepsCloudMetadataBlocked(t *testing.T) {
	for _, a := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "::ffff:127.0.0.1", "8.8.8.8"} {
		assert.NoError(t, checkAddress(netip.MustParseAddr(a), true), a)
	}
	for _, a := range []string{"169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "fe80::1%eth0",
		"::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "0.0.0.0", "224.0.0.1"} {
		assert.Error(t, checkAddress(netip.MustParseAddr(a), true), a)
	}
}

// The guard sits where the dialled address is known, whatever the name was.
func TestControlJudgesTheDialledAddress(t *testing.T) {
	for address, blocked := range map[string]bool{"127.0.0.1:80": true, "[::1]:443": true, "8.8.8.8:443": false, "nonsense": true, "[fe80::1%eth0]:80": true} {
		err := control(false)(context.Background(), "tcp", address, nil)
		assert.Equal(t, blocked, err != nil, address)
		if blocked {
			cause, _ := diagnose(err, 0)
			assert.Equal(t, CauseBlockedAddress, cause)
		}
	}
}

func FuzzCheckAddress(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		// netip's methods are a part of the rule, from another source.
		u := a.Unmap()
		if u.IsPrivate() || u.IsLoopback() || u.IsLinkLocalUnicast() || u.IsMulticast() || u.IsUnspecified() || u.IsInterfaceLocalMulticast() {
			assert.Error(t, CheckAddress(a))
		}
		assert.Equal(t, CheckAddress(a) == nil, CheckAddress(u) == nil)
	})
}
