package main

import (
	"errors"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

// forgetContainers removes the containers and sandboxes that containerd's
// database still lists and keeps the images. The database outlives the
// cluster (that is what makes the next start fast) but its containers do not:
// a new kubelet would spend its first seconds on burying another's dead.
// containerd must not be running; its garbage collector frees their disk.
func forgetContainers() error {
	if len(os.Args) != 2 {
		return errors.New("usage: forget-containers META_DB")
	}
	if _, err := os.Stat(os.Args[1]); os.IsNotExist(err) {
		return nil
	}
	db, err := bolt.Open(os.Args[1], 0o600, &bolt.Options{Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Update(func(tx *bolt.Tx) error {
		schema := tx.Bucket([]byte("v1"))
		if schema == nil {
			return nil
		}
		namespace := schema.Bucket([]byte("k8s.io"))
		if namespace == nil {
			return nil
		}
		for _, kind := range []string{"containers", "sandboxes", "leases"} {
			err := namespace.DeleteBucket([]byte(kind))
			if err != nil && !errors.Is(err, bolt.ErrBucketNotFound) {
				return err
			}
		}
		return nil
	})
}
