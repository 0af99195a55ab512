// Command ociimage writes an OCI archive with one layer: the files of a
// folder. It makes the few system images of the cluster (pause, DNS, ingress)
// from programs that were just built, with no container engine and no base.
package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	// Not compressed: the archive never leaves this machine, and packing and
	// unpacking would cost more than the disk space is worth.
	layerType = "application/vnd.oci.image.layer.v1.tar"
)

type object = map[string]any

type blob struct {
	digest string
	size   int64
}

func main() {
	name := flag.String("name", "", "full name of the image, with tag")
	root := flag.String("root", "", "folder whose files become the image")
	out := flag.String("out", "", "archive to write")
	flag.Parse()
	if err := build(*name, *root, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "ociimage:", err)
		os.Exit(1)
	}
}

func build(name, root, out string, entrypoint []string) error {
	layerFile := out + ".layer"
	defer os.Remove(layerFile)
	layer, err := writeLayer(root, layerFile)
	if err != nil {
		return err
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	archive := tar.NewWriter(file)
	if err := copyBlob(archive, layer, layerFile); err != nil {
		return err
	}
	config, err := addJSON(archive, object{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": object{"Entrypoint": entrypoint},
		"rootfs": object{"type": "layers", "diff_ids": []string{layer.digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := addJSON(archive, object{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": descriptor(configType, config),
		"layers": []object{descriptor(layerType, layer)},
	})
	if err != nil {
		return err
	}
	entry := descriptor(manifestType, manifest)
	entry["annotations"] = object{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
	index, _ := json.Marshal(object{"schemaVersion": 2, "manifests": []object{entry}})
	if err := addFile(archive, "index.json", index); err != nil {
		return err
	}
	if err := addFile(archive, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	return archive.Close()
}

func descriptor(mediaType string, b blob) object {
	return object{"mediaType": mediaType, "digest": b.digest, "size": b.size}
}

// writeLayer leaves out owners and times, so that equal files give an equal digest.
func writeLayer(root, path string) (blob, error) {
	file, err := os.Create(path)
	if err != nil {
		return blob{}, err
	}
	defer file.Close()
	sum := sha256.New()
	layer := tar.NewWriter(io.MultiWriter(file, sum))
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		return addEntry(layer, root, path, entry)
	})
	if err != nil {
		return blob{}, err
	}
	if err := layer.Close(); err != nil {
		return blob{}, err
	}
	info, err := file.Stat()
	if err != nil {
		return blob{}, err
	}
	return blob{"sha256:" + hex.EncodeToString(sum.Sum(nil)), info.Size()}, nil
}

func addEntry(layer *tar.Writer, root, path string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	var target string
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	mode := header.Mode
	*header = tar.Header{Name: relative, Mode: mode, Typeflag: header.Typeflag, Size: header.Size, Linkname: target}
	if err := layer.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return copyFile(layer, path)
}

func copyBlob(archive *tar.Writer, b blob, path string) error {
	if err := archive.WriteHeader(&tar.Header{Name: blobPath(b), Mode: 0o644, Size: b.size}); err != nil {
		return err
	}
	return copyFile(archive, path)
}

func copyFile(to io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(to, file)
	return err
}

func addJSON(archive *tar.Writer, value object) (blob, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return blob{}, err
	}
	sum := sha256.Sum256(text)
	b := blob{"sha256:" + hex.EncodeToString(sum[:]), int64(len(text))}
	return b, addFile(archive, blobPath(b), text)
}

func addFile(archive *tar.Writer, name string, text []byte) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err := archive.Write(text)
	return err
}

func blobPath(b blob) string { return "blobs/sha256/" + b.digest[len("sha256:"):] }
