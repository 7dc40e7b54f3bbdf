package encode

import (
	"fmt"

	"github.com/topprovider/leadhook/mapping"
)

// Bounds on what a structured name may ask for. A name is a few bytes that an
// endpoint's owner typed; what it costs must be of that order too.
const (
	maxIndex  = 999    // of an array; the design's limit
	maxDepth  = 50     // keys in one name
	maxPlaces = 10_000 // elements of all arrays of a document together, holes included
)

// A leaf is an output and its place in a document.
type leaf struct {
	path   mapping.Path
	output *mapping.Output
}

// parseLeaves parses the names of outputs. The faults come back as a slice so
// that the caller can go on and report more of them.
func parseLeaves(outputs []mapping.Output) (leaves []leaf, faults []error) {
	leaves = make([]leaf, 0, len(outputs))
	for i := range outputs {
		o := &outputs[i]
		path, err := mapping.ParsePath(o.Name)
		switch {
		case err != nil:
			faults = append(faults, o.Fault(err))
		case len(path) > maxDepth:
			faults = append(faults, o.Fault(fmt.Errorf("the name nests %d deep; %d is the most", len(path), maxDepth)))
		default:
			leaves = append(leaves, leaf{path, o})
		}
	}
	return leaves, faults
}

// A node is a place of the document while its names are read.
type node struct {
	key             string
	leaf            *leaf // the first output whose name leads to or through here
	value           bool  // it is the output's own place
	child, last     int   // nodes inside, the first and the last; 0: none
	next            int   // the next in the same container
	children, named int   // how many are inside, and how many of those have a key that is no index
	highest         int   // index among the children's keys
}

func (n *node) isArray() bool { return n.children > 0 && n.named == 0 }

// A tree is all nodes, the root first. Children stand in the order in which the
// names first mention them.
type tree []node

// grow reads all names into a tree, so that a container's kind is known before
// anything is laid out, whatever the order of the names.
func grow(leaves []leaf) (t tree, faults []error) {
	most := 1
	for _, l := range leaves {
		most += len(l.path)
	}
	t = make(tree, 1, most)
	for i := range leaves {
		l := &leaves[i]
		at := 0
		for _, key := range l.path {
			if t[at].value {
				break
			}
			child := t.find(at, key)
			if child == 0 {
				child = t.add(at, key, l)
			}
			at = child
		}
		switch n := &t[at]; {
		case n.value:
			faults = append(faults, l.output.Fault(fmt.Errorf("the name nests inside %.80q, which is a value (%s)", n.leaf.output.Name, place(n.leaf.output))))
		case n.children > 0:
			faults = append(faults, l.output.Fault(fmt.Errorf("the name is a value, but %.80q nests inside it (%s)", n.leaf.output.Name, place(n.leaf.output))))
		default:
			n.value = true
		}
	}
	return t, append(faults, t.checkArrays()...)
}

// find returns the child with this key, 0 for none. A mapping has 2,000 names at
// the most, and a container mostly a handful: a map would take longer to make.
func (t tree) find(container int, key string) int {
	child := t[container].child
	for child != 0 && t[child].key != key {
		child = t[child].next
	}
	return child
}

// add adds a child with this key to a container.
func (t *tree) add(container int, key string, l *leaf) int {
	child := len(*t)
	*t = append(*t, node{key: key, leaf: l})
	n := &(*t)[container]
	if n.child == 0 {
		n.child = child
	} else {
		(*t)[n.last].next = child
	}
	n.last = child
	n.children++
	if index, ok := mapping.Index(key); ok {
		n.highest = max(n.highest, index)
	} else {
		n.named++
	}
	return child
}

// checkArrays bounds the arrays.
func (t tree) checkArrays() (faults []error) {
	places := 0 // elements of all arrays
	for i := range t {
		n := &t[i]
		switch {
		case !n.isArray():
		case n.highest > maxIndex:
			for child := n.child; child != 0; child = t[child].next {
				if index, _ := mapping.Index(t[child].key); index > maxIndex {
					faults = append(faults, t[child].leaf.output.Fault(fmt.Errorf("the index %.20s is above %d", t[child].key, maxIndex)))
				}
			}
		default:
			before := places
			places += n.highest + 1
			if before <= maxPlaces && places > maxPlaces {
				// The root has no output of its own.
				faults = append(faults, t[n.child].leaf.output.Fault(fmt.Errorf("the arrays of this mapping have more than %d elements, holes included", maxPlaces)))
			}
		}
	}
	return faults
}

func place(o *mapping.Output) string {
	switch {
	case o.Constant:
		return fmt.Sprintf("constant %d", o.Index)
	case o.Implicit:
		return "the message type; add a rule that gives it another name"
	}
	return fmt.Sprintf("rule %d", o.Index)
}
