import { expect, live, newId, open, test } from "./rig";

test("leaves no silently old page, and nothing is missed when it is back", async ({ page, plane, admin }) => {
  const [a, b] = [newId(), newId()];
  await plane.stage("create", a, "Survivor", "restart");
  await plane.stage("create", b, "Goner", "restart");
  await open(page, plane, admin, "/?tenant=restart");
  await live(page);
  await plane.kill();
  const banner = page.getByRole("alert").filter({ hasText: "Not live since" });
  await expect(banner).toBeVisible();
  await expect(page.locator(".live")).toHaveText("not live");
  // What another replica records meanwhile.
  await plane.stage("ready", a);
  await plane.stage("fail", b);
  await plane.serve();
  await banner.getByRole("button", { name: "Try now" }).click();
  await expect(banner).toBeHidden();
  await live(page);
  const row = (id: string) => page.locator("table.stores tbody tr").filter({ hasText: id });
  await expect(row(a)).toContainText("Ready");
  await expect(row(b)).toContainText("Failed");
});

test("is waited for by a page that is opened meanwhile", async ({ page, plane, admin }) => {
  const id = newId();
  await plane.stage("create", id, "Patient");
  await open(page, plane, admin, `/stores/${id}`);
  await live(page);
  await plane.kill();
  await page.getByRole("link", { name: "Stores" }).first().click();
  await expect(page.getByRole("alert").first()).toContainText("cannot be reached");
  await plane.serve();
  await expect(page.locator("table.stores")).toContainText("Patient");
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("a stream that falls silent without an end is given up and opened again", async ({ page, plane, admin }) => {
  await page.clock.install();
  const id = newId();
  await plane.stage("create", id, "Silent");
  await open(page, plane, admin, `/stores/${id}`);
  await live(page);
  let streams = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/WatchStatus")) streams++;
  });
  // The page's clock passes the limit before the next heartbeat can come.
  await page.clock.fastForward(26_000);
  await expect.poll(() => streams).toBeGreaterThan(0);
  await plane.stage("step", id, "release", "helm runs");
  await page.clock.runFor(2_000);
  await expect(page.locator(".steps")).toContainText("helm runs");
});
