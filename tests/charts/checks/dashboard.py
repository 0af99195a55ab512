"""The Grafana dashboard of the control plane's chart. Each rule returns its problems as text."""

import json

from .server import families, used_families


def dashboards(objects: list[dict]) -> list[dict]:
    return [json.loads(text) for item in objects if item["kind"] == "ConfigMap" for name, text in item["data"].items()
            if name.endswith(".json")]


def queries(dashboard: dict) -> list[tuple[str, str]]:
    """Title of the panel and query, those of the variables included."""
    variables = [(variable["name"], variable["query"]["query"]) for variable in dashboard["templating"]["list"]
                 if variable["type"] == "query"]
    panels = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return variables + panels


def panels_ask_for_metrics_that_there_are(objects: list[dict]) -> list[str]:
    known, found = families(), []
    for dashboard in dashboards(objects):
        for title, query in queries(dashboard):
            names = used_families(query)
            found += [f"{title}: the server has no {name}" for name in names if name not in known]
            found += [] if names else [f"{title}: asks for no metric"]
    return found


def panels_are_of_one_release(objects: list[dict]) -> list[str]:
    return [f"{title}: {query}" for dashboard in dashboards(objects) for title, query in queries(dashboard)
            if title != "namespace" and query.count('namespace="$namespace"') != len(used_families(query))]


def panels_have_a_place_of_their_own(objects: list[dict]) -> list[str]:
    found = []
    for dashboard in dashboards(objects):
        taken, ids = {}, [panel["id"] for panel in dashboard["panels"]]
        found += [f"id {number} twice" for number in sorted(set(ids)) if ids.count(number) > 1]
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    found += [f"{panel['title']} lies on {taken[x, y]}"] if (x, y) in taken else []
                    taken[x, y] = panel["title"]
            found += [f"{panel['title']} is too wide"] if place["x"] + place["w"] > 24 else []
    return found


RULES = [panels_ask_for_metrics_that_there_are, panels_are_of_one_release, panels_have_a_place_of_their_own]
