package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

const streamIdleTimeout = 4 * time.Hour

// simulatedExec answers "kubectl exec" for simulated pods as a kubelet would:
// it runs a program of one folder. kwok can run local commands too, but turns
// a failing program into an internal error and does not say for which pod it
// runs; callers under test depend on exact exit codes.
type simulatedExec struct{ folder string }

func runSimulatedExec() error {
	listen := flag.String("listen", "", "address to serve the kubelet's exec endpoint on")
	certificate := flag.String("cert", "", "the kubelet's serving certificate")
	key := flag.String("key", "", "the key of the certificate")
	folder := flag.String("folder", "", "the only folder programs are run from")
	flag.Parse()
	server := simulatedExec{*folder}
	routes := http.NewServeMux()
	routes.HandleFunc("/exec/{namespace}/{pod}/{container}", server.serve)
	return http.ListenAndServeTLS(*listen, *certificate, *key, routes)
}

func (s simulatedExec) serve(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod := r.PathValue("namespace") + "/" + r.PathValue("pod")
	remotecommand.ServeExec(w, r, s, pod, "", r.PathValue("container"), r.URL.Query()["command"], options,
		streamIdleTimeout, 30*time.Second, remotecommand.SupportedStreamingProtocols)
}

// ExecInContainer keeps the program running when the caller goes away, as a
// container runtime does.
func (s simulatedExec) ExecInContainer(_ context.Context, pod, _, container string, command []string, in io.Reader,
	out, errOut io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	program, err := s.program(command)
	if err != nil {
		fmt.Fprintln(errOut, err)
		return utilexec.CodeExitError{Err: err, Code: 127}
	}
	namespace, name, _ := strings.Cut(pod, "/")
	process := exec.Command(program, command[1:]...)
	process.Args[0] = command[0]
	process.Env = []string{"PATH=" + s.folder, "POD_NAMESPACE=" + namespace, "POD_NAME=" + name, "CONTAINER_NAME=" + container}
	process.Stdout, process.Stderr = out, errOut
	if err := feed(process, in); err != nil {
		return err
	}
	var failed *exec.ExitError
	if err := process.Run(); errors.As(err, &failed) {
		return utilexec.CodeExitError{Err: err, Code: exitCode(failed)}
	} else if err != nil {
		return err
	}
	return nil
}

// program finds the command by its base name: /opt/x/install and install are
// both the folder's program "install". Nothing else on the host can be run.
func (s simulatedExec) program(command []string) (string, error) {
	if len(command) == 0 {
		return "", errors.New("exec: no command")
	}
	if s.folder == "" {
		return "", errors.New("exec: this cluster was started without --exec-path, so simulated pods run nothing")
	}
	path, err := exec.LookPath(filepath.Join(s.folder, filepath.Base(command[0])))
	if err != nil {
		return "", fmt.Errorf("exec: %q: no such program in %s", command[0], s.folder)
	}
	return path, nil
}

// feed copies the caller's stdin through a pipe of its own: with Stdin set
// directly, Run would wait for the caller to close its stream even after the
// program has ended.
func feed(process *exec.Cmd, in io.Reader) error {
	if in == nil {
		return nil
	}
	pipe, err := process.StdinPipe()
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(pipe, in)
		_ = pipe.Close()
	}()
	return nil
}

// exitCode reports a signal the way a shell does.
func exitCode(failed *exec.ExitError) int {
	if code := failed.ExitCode(); code >= 0 {
		return code
	}
	return 137
}
