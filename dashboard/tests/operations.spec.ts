// What is done to a store that lives: its updates, and what becomes of them.
import { chmod } from "node:fs/promises";
import { dirname } from "node:path";
import { violations } from "./axe";
import { expect, live, newId, open, test, type Plane } from "./rig";
import type { Page } from "@playwright/test";

const RELEASES: Record<string, string> = {
  "2026-10": "wordpress: 6.8.3\nwoocommerce: 10.9.4\ndefault: true\n",
  "2026-11": "wordpress: 6.8.3\nwoocommerce: 10.9.5\nsecurity: true\n",
  "2026-12": "wordpress: 6.9.0\nwoocommerce: 11.0.1\nnotes_url: https://example.com/11\n",
};
/** As much of helm as a server asks before it has a cluster. */
const HELM = `#!/bin/sh
[ "$1" = version ] && printf v4.3.1
[ "$1" = template ] && echo 'kind: Deployment
spec: {template: {spec: {containers: [{name: wordpress, image: shop:1}]}}}'
exit 0
`;

async function serveReleases(plane: Plane): Promise<void> {
  const helm = await plane.file("helm", HELM);
  await chmod(helm, 0o755);
  let folder = "";
  for (const [name, description] of Object.entries(RELEASES)) {
    folder = dirname(dirname(await plane.file(`releases/${name}/release.yaml`, description)));
    await plane.file(`releases/${name}/values.yaml`, "");
  }
  await plane.kill();
  await plane.serve("--helm", helm, "--releases", folder);
}

test.beforeAll(({ plane }) => serveReleases(plane));
test.afterAll(async ({ plane }) => {
  await plane.kill();
  await plane.serve();
});

/** A store that sells, made from the oldest release. */
async function running(page: Page, plane: Plane, token: string): Promise<string> {
  const id = newId();
  await plane.stage("create", id, "Tea & Cake", "acme");
  await plane.stage("ready", id);
  await plane.stage("runs", id, "2026-10", "10.9.4");
  await open(page, plane, token, `/stores/${id}`);
  await live(page);
  return id;
}

const card = (page: Page) => page.getByRole("region", { name: "Update" });
const badge = (page: Page) => page.locator(".title .badge");

test("is an update to a release that the reader chooses, which can be called off and tried again", async ({
  page,
  plane,
  admin,
}) => {
  const id = await running(page, plane, admin);
  await expect(page.getByRole("region", { name: "The store" })).toContainText("2026-10, WooCommerce 10.9.4");
  await page.getByRole("button", { name: "Update" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("radio")).toHaveCount(2);
  await expect(dialog.locator("label", { hasText: "2026-11" })).toContainText("closes security holes");
  await expect(dialog.locator("label", { hasText: "2026-12" })).toContainText("new major version");
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("radio", { name: /2026-12/ }).check();
  await dialog.getByRole("button", { name: "Update it" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(badge(page)).toHaveText("Updating");
  await expect(card(page)).toContainText("under way");
  await expect(card(page)).toContainText("From 2026-10 to 2026-12");

  await card(page).getByRole("button", { name: "Call it off" }).click();
  await expect(card(page)).toContainText("being taken back");
  await expect(card(page).getByRole("button", { name: "Call it off" })).toHaveCount(0);
  await plane.stage("ready", id);
  await expect(card(page)).toContainText("called off");
  await expect(badge(page)).toHaveText("Ready");

  await card(page).getByRole("button", { name: "Try again" }).click();
  await expect(badge(page)).toHaveText("Updating");
  await expect(card(page)).toContainText("under way");
  await plane.stage("roll-back", id);
  await expect(card(page)).toContainText("failed, taken back");
  await expect(card(page)).toContainText("cannot be pulled");
  await expect(card(page).getByRole("link", { name: /IMAGE_UNAVAILABLE/ })).toBeVisible();
  await expect(badge(page)).toHaveText("Ready");
  expect(await violations(page)).toEqual([]);
});

test("is not offered where nothing is newer, nor to who may not", async ({ page, plane, admin }) => {
  const id = await running(page, plane, admin);
  await expect(page.getByRole("button", { name: "Update" })).toBeVisible();
  await plane.stage("runs", id, "2026-12", "11.0.1");
  await expect(page.getByRole("region", { name: "The store" })).toContainText("WooCommerce 11.0.1");
  await expect(page.getByRole("button", { name: "Update" })).toHaveCount(0);

  const reader = await plane.token("rory", "reader");
  const other = await page.context().newPage();
  await other.goto(plane.url);
  await other.evaluate((text) => sessionStorage.setItem("sendstores.token", text), reader);
  const older = newId();
  await plane.stage("create", older, "Bread", "acme");
  await plane.stage("ready", older);
  await plane.stage("runs", older, "2026-10", "10.9.4");
  await other.goto(`${plane.url}/stores/${older}`);
  await expect(other.getByRole("region", { name: "The store" })).toContainText("2026-10");
  await expect(other.getByRole("button", { name: "Update" })).toHaveCount(0);
});

test("is the creation of a store that failed, tried again", async ({ page, plane, admin }) => {
  const id = newId();
  await plane.stage("create", id, "Tea & Cake", "acme");
  await plane.stage("fail", id);
  await open(page, plane, admin, `/stores/${id}`);
  await live(page);
  await expect(badge(page)).toHaveText("Failed");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(badge(page)).toHaveText("Provisioning");
  await expect(page.getByRole("button", { name: "Try again" })).toHaveCount(0);
});

test("is a growth of the volumes, and what is wrong with it is said before anything is asked for", async ({
  page,
  plane,
  admin,
}) => {
  await running(page, plane, admin);
  await page.getByRole("button", { name: "Enlarge" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Database").fill("large");
  await dialog.getByLabel("Uploads").fill("99999");
  await dialog.getByRole("button", { name: "Enlarge them" }).click();
  await expect(dialog.getByText("2 fields are not right yet")).toBeVisible();
  await expect(dialog.getByLabel("Database")).toHaveAccessibleDescription(/Must be 0 to 16384/);
  await expect(dialog.getByLabel("Database")).toBeFocused();
  expect(await violations(page)).toEqual([]);
  // Whether the volumes can grow is asked of Kubernetes, which only has passwords here.
  await dialog.getByLabel("Database").fill("20");
  await dialog.getByLabel("Uploads").fill("");
  await dialog.getByRole("button", { name: "Enlarge them" }).click();
  await expect(dialog.getByRole("alert")).toContainText(/CLUSTER_UNAVAILABLE|CANNOT_EXPAND|INTERNAL/);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(badge(page)).toHaveText("Ready");
});
