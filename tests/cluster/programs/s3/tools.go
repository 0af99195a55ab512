//go:build tools

// Package s3 pins the S3 server of tests. It is a module of its own: its dependencies and those of the cluster's other programs
// do not decide each other's versions.
package s3

import _ "github.com/versity/versitygw/cmd/versitygw"
