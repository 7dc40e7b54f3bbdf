package encode

import (
	"fmt"
	"maps"
	"slices"

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
	output mapping.Output
}

// parseLeaves parses the names of outputs. The faults come back as a slice so
// that the caller can go on and report more of them.
func parseLeaves(outputs []mapping.Output) (leaves []leaf, faults []error) {
	for _, o := range outputs {
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
	leaf     *leaf // the first output whose name leads to or through here
	value    bool  // it is the output's own place
	children map[string]*node
	named    int // children whose key is no index
	highest  int // index among the children's keys
}

func (n *node) isArray() bool { return len(n.children) > 0 && n.named == 0 }

// grow reads all names into a tree, so that a container's kind is known before
// anything is laid out, whatever the order of the names.
func grow(leaves []leaf) (root *node, faults []error) {
	root = &node{}
	for i := range leaves {
		l := &leaves[i]
		n := root
		for _, key := range l.path {
			if n.value {
				break
			}
			child := n.children[key]
			if child == nil {
				child = &node{leaf: l}
				if n.children == nil {
					n.children = make(map[string]*node)
				}
				n.children[key] = child
				if index, ok := mapping.Index(key); ok {
					n.highest = max(n.highest, index)
				} else {
					n.named++
				}
			}
			n = child
		}
		switch {
		case n.value:
			faults = append(faults, l.output.Fault(fmt.Errorf("the name nests inside %.80q, which is a value (%s)", n.leaf.output.Name, place(n.leaf.output))))
		case len(n.children) > 0:
			faults = append(faults, l.output.Fault(fmt.Errorf("the name is a value, but %.80q nests inside it (%s)", n.leaf.output.Name, place(n.leaf.output))))
		default:
			n.value = true
		}
	}
	places := 0
	return root, append(faults, root.checkArrays(&places)...)
}

// checkArrays bounds the arrays in n. places counts their elements. Children
// are walked in order, since the same mapping gives the same faults.
func (n *node) checkArrays(places *int) (faults []error) {
	keys := slices.Sorted(maps.Keys(n.children))
	if n.isArray() {
		if n.highest > maxIndex {
			for _, key := range keys {
				if index, _ := mapping.Index(key); index > maxIndex {
					faults = append(faults, n.children[key].leaf.output.Fault(fmt.Errorf("the index %.20s is above %d", key, maxIndex)))
				}
			}
			return faults
		}
		before := *places
		*places += n.highest + 1
		if before <= maxPlaces && *places > maxPlaces {
			faults = append(faults, n.leaf.output.Fault(fmt.Errorf("the arrays of this mapping have more than %d elements, holes included", maxPlaces)))
		}
	}
	for _, key := range keys {
		faults = append(faults, n.children[key].checkArrays(places)...)
	}
	return faults
}

func place(o mapping.Output) string {
	switch {
	case o.Constant:
		return fmt.Sprintf("constant %d", o.Index)
	case o.Implicit:
		return "the message type; add a rule that gives it another name"
	}
	return fmt.Sprintf("rule %d", o.Index)
}
