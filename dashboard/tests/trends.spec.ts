import type { Page } from "@playwright/test";
import { expect, newId, open, test } from "./rig";

const card = (page: Page, name: RegExp) => page.getByRole("region", { name });

test("shows how long each step of the newest stores took", async ({ page, plane, admin }) => {
  const [ready, going] = [newId(), newId()];
  await plane.stage("create", ready, "Was made");
  await plane.stage("ready", ready);
  await plane.stage("create", going, "Is made");
  await plane.stage("step", going, "database", "the pod is being started");
  await open(page, plane, admin, "/trends");
  const creations = card(page, /From asked for to ready/);
  await expect(creations.locator("svg g")).not.toHaveCount(0);
  await expect(creations.locator("svg g.unready")).not.toHaveCount(0);
  await creations.getByText("The same as a table").click();
  const row = (id: string) => creations.getByRole("row").filter({ hasText: id });
  // What `stage` says that each step took.
  for (const time of ["0.1 s", "0.7 s", "3.5 s", "4.0 s", "1.6 s", "0.8 s"])
    await expect(row(ready)).toContainText(time);
  await expect(row(going)).toContainText("not yet");
  await row(ready).getByRole("link").click();
  await expect(page).toHaveURL(`${plane.url}/stores/${ready}`);
});

test("shows the states since the tab was opened, and says so", async ({ page, plane, admin }) => {
  await page.clock.install();
  const id = newId();
  await plane.stage("create", id, "Changes", "acme");
  await open(page, plane, admin, "/trends");
  const states = card(page, /Stores by state/);
  await expect(states).toContainText("while this tab is open");
  const provisioning = states.locator(".legend li").filter({ hasText: "Provisioning" });
  await expect(provisioning).toBeVisible();
  const before = Number(await provisioning.locator("b").innerText());
  await plane.stage("ready", id);
  await page.clock.runFor(11_000);
  await expect(states.locator(".legend")).toContainText(`from ${before}`);
  expect(await states.locator("path").count()).toBeGreaterThan(1);
  // Another page in between forgets nothing.
  await page.getByRole("link", { name: "Stores", exact: true }).click();
  await page.getByRole("link", { name: "Trends" }).click();
  await expect(states.locator(".legend")).toContainText(`from ${before}`);
});

test("shows what the last probe of each store found, those that fail first", async ({ page, plane, admin }) => {
  const [good, bad] = [newId(), newId()];
  for (const id of [good, bad]) {
    await plane.stage("create", id, id);
    await plane.stage("ready", id);
  }
  await plane.stage("unsold", bad);
  await open(page, plane, admin, "/trends");
  const probes = card(page, /What the last probes found/);
  await expect(probes.getByRole("row").nth(1)).toContainText(bad);
  await expect(probes.getByRole("row").nth(1).locator(".mark.bad")).toHaveCount(1);
  await expect(probes.getByRole("row").filter({ hasText: good }).locator(".mark.good")).toHaveCount(5);
});

test("is read again by a button, and says why it cannot be", async ({ page, plane, admin }) => {
  await open(page, plane, admin, "/trends");
  await expect(page.getByText("This is read again every 30 seconds.")).toBeVisible();
  await page.route("**/List", (route) => route.abort());
  await page.getByRole("button", { name: "Read again" }).click();
  await expect(page.getByRole("alert")).toContainText("cannot be reached");
  await page.unroute("**/List");
  await page.getByRole("button", { name: "Read again" }).click();
  await expect(page.getByRole("alert")).toHaveCount(0);
});
