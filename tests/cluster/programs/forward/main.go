// Command forward passes TCP connections from the first free loopback port of
// a range on to one address, and writes the port it took to a file.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
)

func main() {
	first := flag.Int("first", 8080, "first port to try")
	last := flag.Int("last", 8080, "last port to try")
	target := flag.String("to", "", "address to connect to")
	file := flag.String("port-file", "", "file that gets the port")
	flag.Parse()
	listener, port, err := listen(*first, *last)
	if err == nil {
		err = writeAtomically(*file, strconv.Itoa(port))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go pass(client.(*net.TCPConn), *target)
	}
}

func listen(first, last int) (net.Listener, int, error) {
	var refused error
	for port := first; port <= last; port++ {
		listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return listener, port, nil
		}
		refused = err
	}
	return nil, 0, refused
}

// writeAtomically makes sure that who sees the file sees the whole port.
func writeAtomically(file, text string) error {
	if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func pass(client *net.TCPConn, target string) {
	defer client.Close()
	connection, err := net.Dial("tcp4", target)
	if err != nil {
		return
	}
	server := connection.(*net.TCPConn)
	defer server.Close()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(client, server)
	_ = client.CloseWrite()
	<-done
}
