import { expect, live, newId, open, test } from "./rig";

test("a reader sees no button that it may not press", async ({ page, plane }) => {
  const id = newId();
  await plane.stage("create", id, "Read only", "acme");
  await plane.stage("ready", id);
  const reader = await plane.token("rita", "reader");
  await open(page, plane, reader, "/");
  await live(page);
  await expect(page.getByRole("link", { name: /^Create( a store)?$/ })).toHaveCount(0);
  await page.goto(`${plane.url}/stores/${id}`);
  await expect(page.getByRole("heading", { level: 1, name: "Read only" })).toBeVisible();
  for (const name of ["Credentials", "Delete"]) await expect(page.getByRole("button", { name })).toHaveCount(0);
  await page.goto(`${plane.url}/stores/new`);
  await expect(page.getByText("Your role, reader, cannot create stores.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Create the store" })).toHaveCount(0);
});

test("a caller of one tenant sees its stores alone, and creates for it", async ({ page, plane }) => {
  const [own, foreign] = [newId(), newId()];
  await plane.stage("create", own, "Own", "tenant-t");
  await plane.stage("create", foreign, "Foreign", "acme");
  const tenant = await plane.token("tom", "tenant", "--tenant", "tenant-t");
  await open(page, plane, tenant, "/");
  await live(page);
  await expect(page.locator("table.stores")).toContainText(own);
  await expect(page.locator("table.stores")).not.toContainText(foreign);
  await page.goto(`${plane.url}/stores/${foreign}`);
  await expect(page.getByText("There is no store of this name.")).toBeVisible();
  await page.goto(`${plane.url}/stores/new`);
  await page.getByRole("button", { name: "Create the store" }).click();
  await expect(page).toHaveURL(/\/stores\/store-/);
  await expect(page.getByRole("region", { name: "The store" })).toContainText("tenant-t");
});
