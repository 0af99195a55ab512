//go:build tools

// Package restic pins the program that is built as it is: naming it keeps its version in go.mod, and the checksums of all that
// it consists of in go.sum.
package restic

import _ "github.com/restic/restic/cmd/restic"
