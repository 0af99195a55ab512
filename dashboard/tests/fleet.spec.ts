import type { Page } from "@playwright/test";
import { expect, live, newId, open, test } from "./rig";

const rows = (page: Page) => page.locator("table.stores tbody tr");
const row = (page: Page, id: string) => rows(page).filter({ hasText: id });

test.beforeAll(async ({ plane }) => {
  await plane.stage("many", "120");
});

test("has a tile for each state, and pages whose address leads back to them", async ({ page, plane, admin }) => {
  await open(page, plane, admin, "/?tenant=initech");
  await expect(page.locator(".tile").first()).toHaveText(/30\s*All/);
  await expect(page.locator(".pager")).toContainText("1–30 of 30");
  await page.goto(`${plane.url}/`);
  await expect(rows(page)).toHaveCount(50);
  const first = await rows(page).first().innerText();
  await page.getByRole("link", { name: "Next" }).click();
  await expect(page).toHaveURL(/page=2&after=/);
  await expect(page.locator(".pager")).toContainText("51–100");
  await expect(rows(page).first()).not.toHaveText(first);
  const second = await rows(page).allInnerTexts();
  await page.reload();
  await expect(page.locator(".pager")).toContainText("51–100");
  expect((await rows(page).allInnerTexts()).length).toBe(second.length);
  await page.getByRole("button", { name: "Previous" }).click();
  await expect(page.locator(".pager")).toContainText("1–50");
});

test("is narrowed by state, text, tenant and label, each in the address", async ({ page, plane, admin }) => {
  await open(page, plane, admin, "/?tenant=umbrella");
  await page.locator(".tile", { hasText: "Failed" }).click();
  await expect(page).toHaveURL(/state=failed/);
  await expect(rows(page)).toHaveCount(3);
  await expect(page.locator(".tile[aria-current]")).toContainText("Failed");
  for (const text of await rows(page).allInnerTexts()) expect(text).toContain("Failed");
  await page.getByRole("link", { name: "Show all" }).click();
  await page.getByLabel("Search").pressSequentially("shop 77 &");
  await expect(page).toHaveURL(/q=shop\+77/);
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByLabel("Search")).toBeFocused();
  await page.getByRole("link", { name: "Show all" }).click();
  await expect(page.getByLabel("Search")).toHaveValue("");
  await page.getByLabel("Tenant").selectOption("globex");
  await expect(page).toHaveURL(/tenant=globex/);
  await expect(page.locator(".pager")).toContainText("of 30");
  await page.getByLabel("Label").fill("team=none");
  await page.keyboard.press("Enter");
  await expect(page.getByText("No store matches.")).toBeVisible();
});

test("is sorted by its headings", async ({ page, plane, admin }) => {
  await open(page, plane, admin);
  const heading = (name: string) => page.getByRole("columnheader", { name });
  await expect(heading("Created")).toHaveAttribute("aria-sort", "descending");
  await heading("Store").getByRole("link").click();
  await expect(heading("Store")).toHaveAttribute("aria-sort", "ascending");
  await expect(heading("Created")).toHaveAttribute("aria-sort", "none");
  const ids = () => page.locator("table.stores tbody code").allInnerTexts();
  await expect.poll(async () => (await ids())[0]).toBe("store-00000");
  expect(await ids()).toEqual([...(await ids())].sort());
  await heading("Store").getByRole("link").click();
  await expect(heading("Store")).toHaveAttribute("aria-sort", "descending");
  await expect.poll(async () => (await ids()).join() === [...(await ids())].sort().reverse().join()).toBe(true);
});

test("shows changes where they happen, and says that others are elsewhere", async ({ page, plane, admin }) => {
  const id = newId();
  await plane.stage("create", id, "Changing");
  await open(page, plane, admin, "/?order=create_time+desc");
  await live(page);
  await expect(row(page, id)).toContainText("Provisioning");
  await plane.stage("step", id, "database", "the pod is being started");
  await expect(row(page, id)).toContainText("Database");
  await plane.stage("ready", id);
  await expect(row(page, id)).toContainText("Ready");
  await expect(page.getByTestId("announcer")).toContainText(`${id} is Ready`);
  await plane.stage("degrade", id);
  await expect(row(page, id)).toContainText("Degraded");
  await plane.stage("create", newId(), "Elsewhere");
  const newer = page.getByRole("button", { name: /1 store more since this page was read/ });
  await newer.click();
  await expect(newer).toBeHidden();
  await expect(rows(page).first()).toContainText("Elsewhere");
});

test("a list that fits on one page grows by what is created", async ({ page, plane, admin }) => {
  await open(page, plane, admin, "/?tenant=fresh");
  await live(page);
  await expect(page.getByText("No store matches.")).toBeVisible();
  const id = newId();
  await plane.stage("create", id, "First of its tenant", "fresh");
  await expect(row(page, id)).toContainText("Provisioning");
  await expect(page.locator(".pager")).toContainText("1–1 of 1");
});

test("a page token of another time leads to the first page", async ({ page, plane, admin }) => {
  await open(page, plane, admin, "/?page=4&after=bm9uc2Vuc2U");
  await expect(page.locator(".pager")).toContainText("1–50");
  expect(page.url()).toBe(`${plane.url}/`);
});

test("a page of 50 stores is small", async ({ page, plane, admin }) => {
  const bytes: number[] = [];
  page.on("response", async (response) => {
    if (response.url().endsWith("/List")) bytes.push((await response.body()).length);
  });
  await open(page, plane, admin);
  await expect(rows(page)).toHaveCount(50);
  await expect.poll(() => bytes.length).toBe(1);
  expect(bytes[0]).toBeLessThan(60_000);
});
