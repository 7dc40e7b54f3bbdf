// Package historytest is the suite that every history.Store passes. It needs the
// standard library and leadhook's deliver packages only.
//
//	func TestMyStore(t *testing.T) {
//		historytest.Run(t, func(t *testing.T) history.Store { return mystore.New(…) })
//	}
//
// Each rule says why it is there, and was seen to fail a store that breaks it.
package historytest
