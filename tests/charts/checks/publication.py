"""Publishes a version to a registry on this machine, and compares what comes back: python -m checks.publication --helm PROGRAM ...

The registry is that of `crane registry serve`, in memory and on loopback. It is stopped however this ends.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from . import made, network, security
from .helm import IMAGES, KUBERNETES, objects
from .main import HERE, Report, rule_name

ROOT = HERE.parents[1]
CHARTS = ("sendstores", "woocommerce")
RELEASE = ROOT / "scripts/release"
# A store without a control plane.
ALONE = {"bootstrap": {"enabled": True, "settings": {"title": "It costs $(WP_HOME)", "admin_email": "owner@example.com"}}}
IDENTITY = "11111111-2222-4333-8444-555555555555"


def run(*argv: object, code: int = 0, **environment: str) -> str:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=300, env=os.environ | environment)
    if (done.returncode != 0) != (code != 0):
        raise RuntimeError(f"{argv[0]} {argv[1]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout if code == 0 else done.stderr


@contextlib.contextmanager
def registry(crane: str) -> Iterator[str]:
    """The address of a registry of our own."""
    server = subprocess.Popen([crane, "registry", "serve", "--address", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if port := re.search(r"serving on port (\d+)", line):
                break
        else:
            raise RuntimeError("the registry did not start")
        # It would wait for a reader of what it logs.
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield f"127.0.0.1:{port[1]}/sendstores"
    finally:
        server.kill()
        server.wait()


class Published:
    """A version that was published to a registry from small images."""

    def __init__(self, crane: str, address: str, folder: Path):
        self.crane, self.address, self.folder = crane, address, folder
        self.archives = {name: folder / f"{name}.tar" for name in ("server", "woocommerce", "mysql", "backup")}
        old, new = made.layer(made.shop("1.0")), made.layer(made.shop("11.0.1"))
        made.docker_archive(self.archives["server"], made.layer(made.server(Path(crane).read_bytes())))
        made.oci_archive(self.archives["woocommerce"], old, new)
        made.oci_archive(self.archives["mysql"], made.layer({"var/lib/dpkg/status": made.STATUS.encode()}))
        made.oci_archive(self.archives["backup"], made.layer(made.backup(Path(crane).read_bytes())))
        self.printed = self.publish("first")
        self.list = json.loads((folder / "first/published.json").read_text())
        self.images = {one["name"].rpartition("/")[2]: f"{one['name']}@{one['digest']}" for one in self.list if "sbom" in one}
        self.version = run(RELEASE, "version").strip()

    def publish(self, name: str) -> str:
        given = [f"{image}={archive}" for image, archive in self.archives.items()]
        return run(RELEASE, "publish", self.address, self.folder / name, *given, ARTIFACTHUB_ID_SENDSTORES=IDENTITY)

    def packed(self, chart: str) -> Path:
        return self.folder / f"first/{chart}-{self.version}.tgz"

    def in_chart(self, chart: str, name: str) -> bytes:
        with tarfile.open(self.packed(chart)) as tar:
            return tar.extractfile(f"{chart}/{name}").read()

    def annotation(self, chart: str, name: str) -> object:
        description = yaml.safe_load(self.in_chart(chart, "Chart.yaml"))
        return yaml.safe_load(description["annotations"][f"artifacthub.io/{name}"])


# Rules of what was published.

def a_second_publication_is_the_same(published: Published) -> list[str]:
    """From the same commit and images, at another time."""
    again = published.publish("second")
    found = [] if again == published.printed else [f"first {published.printed}, then {again}"]
    for file in sorted((published.folder / "first").iterdir()):
        if file.read_bytes() != (published.folder / "second" / file.name).read_bytes():
            found.append(f"{file.name} differs")
    return found


def what_is_printed_is_in_the_registry(published: Published) -> list[str]:
    found = []
    for one in published.list:
        tag = f"{one['name']}:{published.version}"
        digest = run(published.crane, "digest", tag).strip()
        found += [] if digest == one["digest"] else [f"{tag} is {digest}"]
    return found if len(published.list) == 6 else [f"{len(published.list)} were published"]


def images_are_what_the_archives_have(published: Published) -> list[str]:
    found = []
    for name, image in published.images.items():
        # Each layer and the configuration have the digests that the manifest and the configuration say.
        run(published.crane, "validate", "--remote", image)
        with tempfile.NamedTemporaryFile() as exported:
            run(published.crane, "export", image, exported.name)
            with tarfile.open(exported.name) as tar:
                got = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
        wanted = {"server": made.server(Path(published.crane).read_bytes()), "woocommerce": made.shop("11.0.1"),
                  "mysql": {"var/lib/dpkg/status": made.STATUS.encode()}, "backup": made.backup(Path(published.crane).read_bytes())}[name]
        found += [] if got == wanted else [f"{name} has {sorted(got)}"]
    return found


def the_hub_gets_its_metadata(published: Published) -> list[str]:
    found = []
    for chart in CHARTS:
        repository = f"{published.address}/charts/{chart}"
        manifest = json.loads(run(published.crane, "manifest", f"{repository}:artifacthub.io"))
        types = [manifest["config"]["mediaType"]] + [layer["mediaType"] for layer in manifest["layers"]]
        if types != ["application/vnd.cncf.artifacthub.config.v1+yaml",
                     "application/vnd.cncf.artifacthub.repository-metadata.layer.v1.yaml"]:
            found.append(f"{chart}: {types}")
        read = yaml.safe_load(run(published.crane, "blob", f"{repository}@{manifest['layers'][0]['digest']}"))
        wanted = IDENTITY if chart == "sendstores" else None
        found += [] if read.get("repositoryID") == wanted else [f"{chart}: {read}"]
    return found


def the_hub_can_read_the_annotations(published: Published) -> list[str]:
    found = []
    for chart in CHARTS:
        images = {one["name"]: one["image"] for one in published.annotation(chart, "images")}
        wanted = {name: image for name, image in published.images.items() if chart == "sendstores" or name != "server"}
        found += [] if images == wanted else [f"{chart}: images {images}"]
        changes = published.annotation(chart, "changes")
        found += [f"{chart}: change {one!r}" for one in changes if not isinstance(one, str) or not one or re.search(r"\*\*|`|\]\(", one)]
        found += [] if changes else [f"{chart}: no changes"]
        found += [f"{chart}: link {link}" for link in published.annotation(chart, "links") if set(link) != {"name", "url"}]
    return found


def a_published_chart_has_its_papers(published: Published) -> list[str]:
    """Licence, README.md and NOTES.txt, which the chart of the stores keeps from the stores."""
    found = []
    for chart in CHARTS:
        with tarfile.open(published.packed(chart)) as tar:
            names = {name.partition("/")[2] for name in tar.getnames()}
        found += [f"{chart}: no {name}" for name in ("LICENSE", "README.md", "templates/NOTES.txt") if name not in names]
    return found


def bills_are_valid(published: Published) -> list[str]:
    found, validator = [], JsonStrictValidator(SchemaVersion.V1_6)
    run(RELEASE, "sbom", published.folder / "first")
    for file in sorted((published.folder / "first").glob("*.cdx.json")):
        problem = validator.validate_str(file.read_text())
        found += [f"{file.name}: {problem}"] if problem else []
        bill = json.loads(file.read_text())
        known = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
        found += [f"{file.name}: {name} is no component" for one in bill["dependencies"]
                  for name in [one["ref"], *one["dependsOn"]] if name not in known]
    return found


def bills_name_what_is_inside(published: Published) -> list[str]:
    wanted = {
        "server": ["pkg:deb/debian/libc6@2.41-12%2Bdeb13u2?arch=amd64", "pkg:golang/github.com/google/go-containerregistry@v",
                   "pkg:golang/github.com/spf13/cobra@v", "pkg:cargo/sendstores-server@", "pkg:cargo/fred@"],
        "woocommerce": ["pkg:deb/debian/libc6@2.41-12%2Bdeb13u2?arch=amd64&distro=debian-13", "pkg:generic/wordpress@7.1.1",
                        "pkg:generic/wp-cli@", "pkg:generic/woocommerce@11.0.1", "pkg:generic/storefront@1.5"],
        "mysql": ["pkg:deb/debian/libc6@"],
        "backup": ["pkg:deb/debian/libc6@", "pkg:golang/github.com/google/go-containerregistry@v"],
        "sendstores": ["pkg:cargo/sendstores-cli@", "pkg:cargo/tokio@"],
    }
    refused = ["/vim@", "woocommerce@1.0", "woocommerce@3", "pkg:cargo/insta@", "pkg:cargo/sendstores-tests@"]
    found = []
    for name, purls in wanted.items():
        has = [one["purl"] for one in json.loads((published.folder / f"first/{name}.cdx.json").read_text())["components"]]
        found += [f"{name}: no {purl}" for purl in purls if not any(one.startswith(purl) for one in has)]
        found += [f"{name}: {purl}" for purl in refused if any(purl in one for one in has)]
        found += [f"{name}: {len(has)} components"] if len(has) != len(set(has)) else []
    return found


RULES = [what_is_printed_is_in_the_registry, a_second_publication_is_the_same, images_are_what_the_archives_have,
         the_hub_gets_its_metadata, the_hub_can_read_the_annotations, a_published_chart_has_its_papers, bills_are_valid,
         bills_name_what_is_inside]


# What helm makes of a published chart.

def pulled_is_packed(helm: str, published: Published) -> list[str]:
    found = []
    for chart in CHARTS:
        with tempfile.TemporaryDirectory() as folder:
            run(helm, "pull", f"oci://{published.address}/charts/{chart}", "--version", published.version, "--plain-http",
                "--destination", folder)
            same = next(Path(folder).iterdir()).read_bytes() == published.packed(chart).read_bytes()
        found += [] if same else [f"{chart} is not what was packed"]
    return found


def from_registry(helm: str, published: Published, chart: str, release: str, namespace: str, values: dict, verb: str = "template") -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values, file)
        file.flush()
        return run(helm, verb, release, f"oci://{published.address}/charts/{chart}", "--version", published.version, "--plain-http",
                   "--namespace", namespace, "--values", file.name, *(["--kube-version", KUBERNETES] if verb == "template" else ["--dry-run=client"]))


def case(file: str, name: str) -> dict:
    return next(one["values"] for one in yaml.safe_load((HERE / file).read_text()) if one["name"] == name)


def a_chart_names_its_images(helm: str, published: Published) -> list[str]:
    """Without a value of the operator's, those of the version, by digest."""
    plane = case("cases-control-plane.yaml", "control-plane-dev")
    del plane["image"]
    rendered = from_registry(helm, published, "sendstores", "sendstores", "sendstores-system", plane)
    found = [] if f'image: {published.images["server"]}\n' in rendered else ["the server's image is another"]
    settings = next(item["data"] for item in objects(rendered)
                    if item.get("kind") == "ConfigMap" and item["metadata"]["name"] == "sendstores-store")
    stores = yaml.safe_load(settings["values.yaml"])
    for name in ("woocommerce", "mysql"):
        image = "@".join(stores["images"][name][key] for key in ("repository", "digest"))
        found += [] if image == published.images[name] else [f"stores have {image}"]
    image = "@".join(stores["backup"]["image"][key] for key in ("repository", "digest"))
    found += [] if image == published.images["backup"] else [f"backups have {image}"]
    return found + a_store_names_its_images(helm, published)


def a_store_names_its_images(helm: str, published: Published) -> list[str]:
    store = case("cases.yaml", "local-closed")
    rendered = from_registry(helm, published, "woocommerce", "store", store["store"]["id"], store)
    return [f"the store has no {name}" for name in ("woocommerce", "mysql") if f'image: "{published.images[name]}"\n' not in rendered]


def a_chart_takes_other_images(helm: str, published: Published) -> list[str]:
    plane = case("cases-control-plane.yaml", "control-plane-dev")
    plane["image"] = {"repository": "registry.example.com/mine", "tag": "7", "digest": ""}
    rendered = from_registry(helm, published, "sendstores", "sendstores", "sendstores-system", plane)
    return [] if "image: registry.example.com/mine:7\n" in rendered else ["it keeps its own"]


def a_store_says_what_comes_next(helm: str, published: Published) -> list[str]:
    """With its bootstrap and without. (helm 3 asks a cluster for this.)"""
    found = []
    for values, words in [({}, ["bootstrap.enabled=true", "rollout status deployment/wordpress"]),
                          (ALONE, ["The shop is installed", "admin-password", "ingress.enabled=true opens it"])]:
        store = case("cases.yaml", "local-closed") | values
        said = from_registry(helm, published, "woocommerce", "store", store["store"]["id"], store, "install").partition("NOTES:")[2]
        found += [f"does not say {wanted!r}" for wanted in words if wanted not in said]
    return found


def a_store_alone_is_as_closed_as_any(helm: str, published: Published) -> list[str]:
    """The Job that installs a shop is restricted, and changes no other object but that the database lets it in."""
    store = case("cases.yaml", "local-closed")
    rendered, alone = [objects(from_registry(helm, published, "woocommerce", "store", store["store"]["id"], values))
                       for values in (store, store | ALONE)]
    added = [item for item in alone if item not in rendered]
    found = [f"{item['kind']} is changed" for item in rendered if item not in alone and "kind" in item]
    names = sorted((item["kind"], item["metadata"]["name"]) for item in added if "kind" in item)
    if names != [("Job", "bootstrap"), ("NetworkPolicy", "bootstrap"), ("NetworkPolicy", "mysql-bootstrap")]:
        found.append(f"adds {names}")
    for rule in (security.pods_are_restricted, security.containers_are_restricted, security.containers_state_resources,
                 network.no_rule_means_everybody):
        found += rule(added)
    # Kubernetes would put the value of another variable there.
    return found if "$$(WP_HOME)" in json.dumps(added) else [*found, "the title is not kept as it is"]


def a_control_planes_chart_has_nothing_of_it(helm: str, _: Published) -> list[str]:
    """The chart of the checkout, which the control plane installs from, has no Job whatever the values say."""
    store = case("cases.yaml", "local-closed") | {"images": IMAGES} | ALONE
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(store, file)
        file.flush()
        rendered = run(helm, "template", "store", ROOT / "charts/woocommerce", "--namespace", store["store"]["id"], "--values", file.name,
                       "--kube-version", KUBERNETES)
    return [f"{item['kind']} {item['metadata']['name']}" for item in objects(rendered) if "bootstrap" in item["metadata"]["name"]]


HELM_RULES = [pulled_is_packed, a_chart_names_its_images, a_chart_takes_other_images, a_store_alone_is_as_closed_as_any,
              a_control_planes_chart_has_nothing_of_it]


# What is refused.

def refuses(says: str, *argv: object) -> list[str]:
    said = run(RELEASE, *argv, code=1)
    return [] if says in said else [f"does not say {says!r}: {said.strip()}"]


def a_shop_without_an_owner(published: Published) -> list[str]:
    return refused_alone(published, {"bootstrap": {"enabled": True}}, "needs bootstrap.settings.admin_email")


def a_shop_that_is_open_while_it_is_installed(published: Published) -> list[str]:
    return refused_alone(published, {"ingress": {"enabled": True, "controller": {"cidrs": ["192.0.2.10/32"]}}} | ALONE, "any visitor could take the shop")


def a_shop_with_taxes_and_no_rate(published: Published) -> list[str]:
    settings = ALONE["bootstrap"]["settings"] | {"taxes": True}
    return refused_alone(published, {"bootstrap": {"enabled": True, "settings": settings}}, "needs bootstrap.settings.tax_rate")


def refused_alone(published: Published, values: dict, says: str) -> list[str]:
    store = case("cases.yaml", "local-closed") | values
    try:
        from_registry(os.environ["SENDSTORES_HELM"], published, "woocommerce", "store", store["store"]["id"], store)
    except RuntimeError as error:
        return [] if says in str(error) else [f"does not say {says!r}: {error}"]
    return ["was accepted"]


def an_older_kubernetes(published: Published) -> list[str]:
    """The oldest that docs/upgrading.md names is accepted, the one before it is not."""
    chart, says = published.packed("sendstores"), "chart requires kubeVersion"
    run(os.environ["SENDSTORES_HELM"], "template", "sendstores", chart, "--namespace", "sendstores-system", "--kube-version", "1.33.0")
    said = run(os.environ["SENDSTORES_HELM"], "template", "sendstores", chart, "--kube-version", "1.32.9", code=1)
    return [] if says in said else [f"does not say {says!r}: {said}"]


def another_tag(_: Published) -> list[str]:
    return refuses("the tag v9.9.9 is not v", "version", "v9.9.9")


def a_stand_in_for_another_machine(published: Published) -> list[str]:
    """Before anything is pushed: nothing answers at that address."""
    made.oci_archive(published.folder / "standin.tar", made.layer(made.shop("11.0.1-standin")))
    archives = published.archives | {"woocommerce": published.folder / "standin.tar"}
    return refuses("which is for tests", "publish", "registry.invalid/sendstores", published.folder / "refused",
                   *[f"{name}={archive}" for name, archive in archives.items()])


def a_missing_archive(published: Published) -> list[str]:
    return refuses("name the archive of each image", "publish", published.address, published.folder / "refused", "server=x.tar")


REFUSALS = [an_older_kubernetes, a_shop_without_an_owner, a_shop_that_is_open_while_it_is_installed, a_shop_with_taxes_and_no_rate,
            another_tag, a_stand_in_for_another_machine, a_missing_archive]


def check(report: Report, helms: list[str], crane: str) -> None:
    with tempfile.TemporaryDirectory() as scratch, registry(crane) as address:
        # Logins and caches of this machine's user play no part.
        os.environ |= {f"HELM_{kind}_HOME": f"{scratch}/helm" for kind in ("CACHE", "CONFIG", "DATA")}
        os.environ |= {"DOCKER_CONFIG": scratch, "SENDSTORES_HELM": helms[0]}
        os.environ.pop("HELM_REGISTRY_CONFIG", None)
        published = Published(crane, address, Path(scratch))
        for rule in RULES:
            report.check(f"published: {rule_name(rule)}", lambda: rule(published))
        for helm in helms:
            version = run(helm, "version", "--template", "{{.Version}}").strip()
            for rule in HELM_RULES:
                report.check(f"{version} published: {rule_name(rule)}", lambda: rule(helm, published))
        report.check("published: a store says what comes next", lambda: a_store_says_what_comes_next(helms[0], published))
        for rule in REFUSALS:
            report.check(f"refused to publish: {rule_name(rule)}", lambda: rule(published))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--helm", action="append", required=True, metavar="PROGRAM", help="the first one packs")
    parser.add_argument("--crane", required=True, metavar="PROGRAM")
    arguments = parser.parse_args()
    report = Report("")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the registry is stopped then, too
    check(report, arguments.helm, arguments.crane)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
