package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisionerName = "sendstores.dev/directory"

// directories provisions a volume as one directory under root. It starts no
// helper pod, so it is fast and also serves simulated nodes.
type directories struct{ root string }

func runProvisioner() error {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	root := flag.String("root", "", "the folder that holds one directory for each volume")
	flag.Parse()
	if !filepath.IsAbs(*root) {
		return errors.New("provisioner: --root must be an absolute path")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	// The default limit of 5 requests a second would be the bottleneck when
	// hundreds of simulated stores ask for volumes at once.
	config.QPS, config.Burst = 200, 400
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx := context.Background()
	controller.NewProvisionController(ctx, client, provisionerName, directories{*root},
		controller.LeaderElection(false), controller.Threadiness(20)).Run(ctx)
	return nil
}

func (d directories) Provision(_ context.Context, o controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	path := filepath.Join(d.root, o.PVName)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningNoChange, err
	}
	// fsGroup does not act on hostPath volumes, and MkdirAll obeys the umask:
	// without this a non-root container could not write.
	if err := os.Chmod(path, 0o777); err != nil {
		return nil, controller.ProvisioningNoChange, err
	}
	directory := v1.HostPathDirectory
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: o.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				HostPath: &v1.HostPathVolumeSource{Path: path, Type: &directory},
			},
			NodeAffinity: onlyOn(o.SelectedNodeName),
		},
	}
	return volume, controller.ProvisioningFinished, nil
}

func (d directories) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	if volume.Spec.HostPath == nil {
		return fmt.Errorf("%s is not a directory volume", volume.Name)
	}
	path := filepath.Clean(volume.Spec.HostPath.Path)
	// The path comes from an API object: never remove anything but a direct
	// child of our own folder, whatever it says.
	if filepath.Dir(path) != filepath.Clean(d.root) {
		return fmt.Errorf("%s is not in %s", path, d.root)
	}
	return os.RemoveAll(path)
}

func onlyOn(node string) *v1.VolumeNodeAffinity {
	if node == "" {
		return nil
	}
	return &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
		MatchExpressions: []v1.NodeSelectorRequirement{{
			Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{node},
		}},
	}}}}
}
