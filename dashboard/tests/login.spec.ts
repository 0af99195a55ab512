import { expect, open, test } from "./rig";

test("a token that works opens the fleet, is kept in this tab, and is forgotten by logging out", async ({
  page,
  plane,
  admin,
}) => {
  await page.goto(plane.url);
  await expect(page.getByRole("heading", { level: 1, name: "Log in" })).toBeFocused();
  await page.getByLabel("Token").fill(`  ${admin}\n`);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Stores" })).toBeFocused();
  await expect(page.locator(".who summary")).toContainText("ada");
  expect(page.url()).toBe(`${plane.url}/`);

  await page.reload();
  await expect(page.getByRole("heading", { level: 1, name: "Stores" })).toBeVisible();
  expect(await page.evaluate(() => localStorage.length)).toBe(0);

  // The menu closes by Escape, and by whatever is done beside it.
  const menu = page.locator(".who .menu");
  for (const close of [
    () => page.keyboard.press("Escape"),
    () => page.locator("main").click({ position: { x: 5, y: 5 } }),
  ]) {
    await page.locator(".who summary").click();
    await expect(menu).toBeVisible();
    await menu.getByText("Tenants", { exact: true }).click();
    await expect(menu).toBeVisible();
    await close();
    await expect(menu).toBeHidden();
  }
  await page.locator(".who summary").click();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Log in" })).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.getItem("sendstores.token"))).toBeNull();
});

test("a token that is not kept is gone after a reload", async ({ page, plane, admin }) => {
  await page.goto(plane.url);
  await page.getByLabel("Token").fill(admin);
  await page.getByLabel("Keep it in this tab").uncheck();
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Stores" })).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.getItem("sendstores.token"))).toBeNull();
  await page.reload();
  await expect(page.getByRole("heading", { level: 1, name: "Log in" })).toBeVisible();
});

test("a token that does not work says why, and the field keeps the focus", async ({ page, plane }) => {
  await page.goto(plane.url);
  for (const [wrong, why] of [
    ["sst_0123456789_00000000000000000000000000000000000000", "TOKEN_INVALID"],
    ["none of ours", "one line"],
    ["ünïcode", "one line"],
  ] as const) {
    await page.getByLabel("Token").fill(wrong);
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByRole("alert")).toContainText(why);
    await expect(page.getByLabel("Token")).toBeFocused();
  }
});

test("a token that ends under an open page is replaced over it, and the page goes on", async ({
  page,
  plane,
  admin,
}) => {
  const brief = await plane.token("brief", "operator");
  await plane.stage("create", "store-brief", "Brief");
  await open(page, plane, brief, "/stores/store-brief");
  await expect(page.getByRole("heading", { level: 1, name: "Brief" })).toBeVisible();
  await expect(page.locator(".live.on")).toBeVisible();
  await plane.revoke(brief);
  const dialog = page.getByRole("dialog", { name: "Log in again" });
  await expect(dialog).toContainText("TOKEN_REVOKED");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeVisible();
  // What happens meanwhile is not missed.
  await plane.stage("step", "store-brief", "database", "the pod is being started");
  await dialog.getByLabel("Token").fill(admin);
  await dialog.getByRole("button", { name: "Log in" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.locator(".steps")).toContainText("the pod is being started");
  await expect(page.locator(".live.on")).toBeVisible();
});
