//go:build tools

// Package programs pins what the local cluster is made of. The programs named
// here are built as they are; naming them keeps their versions in go.mod, so
// that all share one dependency tree and are compiled once.
package programs

import (
	_ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
	_ "github.com/containerd/containerd/v2/cmd/containerd"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
	_ "github.com/containerd/containerd/v2/cmd/ctr"
	_ "github.com/coredns/coredns"
	_ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
	_ "github.com/traefik/traefik/v3/cmd/traefik"
	_ "helm.sh/helm/v4/cmd/helm"
	_ "sigs.k8s.io/kwok/cmd/kwok"
)
