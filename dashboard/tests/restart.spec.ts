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
  await banner.getByRole("button", { name: "Try now" }).click();
  await expect(banner).toBeVisible();
  await plane.serve();
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

test("a list whose changes are not kept any more is read again", async ({ page, plane, admin }) => {
  const id = newId();
  await plane.stage("create", id, "Compacted", "compacted");
  let lists = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/List")) lists++;
  });
  // What the server answers when the resume token is older than the history: OUT_OF_RANGE.
  await page.route(
    "**/WatchStatus",
    async (route) => {
      await plane.stage("ready", id);
      await route.fulfill({ headers: { "content-type": "application/grpc-web+proto", "grpc-status": "11" } });
    },
    { times: 1 },
  );
  await open(page, plane, admin, "/?tenant=compacted");
  await live(page);
  expect(lists).toBe(2);
  await expect(page.locator("table.stores")).toContainText("Ready");
});

test("a tab that nobody looks at gives its connection back, and misses nothing", async ({ page, plane, admin }) => {
  await page.clock.install();
  const id = newId();
  await plane.stage("create", id, "Hidden", "hidden");
  let [opened, ended] = [0, 0];
  page.on("request", (request) => (opened += Number(request.url().endsWith("/WatchStatus"))));
  page.on("requestfailed", (request) => (ended += Number(request.url().endsWith("/WatchStatus"))));
  await open(page, plane, admin, "/?tenant=hidden");
  await live(page);
  const show = (state: string) =>
    page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await show("hidden");
  await page.clock.fastForward(20_000);
  expect(ended).toBe(0);
  await page.clock.fastForward(41_000);
  await expect.poll(() => ended).toBe(1);
  await plane.stage("ready", id);
  await page.clock.fastForward(60_000);
  expect(opened).toBe(1);
  await show("visible");
  await live(page);
  expect(opened).toBe(2);
  await page.clock.runFor(1_000);
  await expect(page.locator("table.stores")).toContainText("Ready");
});
