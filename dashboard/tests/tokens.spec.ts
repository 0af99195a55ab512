import type { Page } from "@playwright/test";
import { expect, open, test } from "./rig";

const row = (page: Page, name: string) => page.locator("table.tokens tbody tr").filter({ hasText: name });

test("is made, shown once, copied, used and revoked", async ({ page, plane, admin, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, plane, admin, "/tokens");
  await page.getByRole("link", { name: "Make a token" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Make a token" })).toBeFocused();
  await page.getByLabel("Name of its user").fill("made-here");
  await page.getByLabel("tenant Everything with the stores").check();
  await page.getByLabel("Tenants", { exact: true }).fill("acme, bolt");
  await page.getByLabel("Valid for").selectOption("1 day");
  await page.getByLabel("stores.read").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "The token of made-here" })).toBeFocused();
  await page.getByRole("button", { name: "Copy the token" }).click();
  await expect(page.getByTestId("announcer")).toHaveText("the token is copied");
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(text).toMatch(/^sst_/);
  await expect(page.locator("main")).toContainText(text);
  expect(JSON.parse(await plane.cli(text, "whoami", "--json"))).toMatchObject({
    name: "made-here",
    role: "tenant",
    tenants: ["acme", "bolt"],
    permissions: ["stores.read", "account.read"],
  });

  // It is kept nowhere.
  const kept = () => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state]));
  expect(await kept()).not.toContain(text);
  await page.getByRole("link", { name: "I have it" }).click();
  await expect(row(page, "made-here")).toContainText("only stores.read");
  await expect(row(page, "made-here")).toContainText("acme, bolt");
  expect(await page.content()).not.toContain(text);
  await page.goBack();
  await expect(page.getByLabel("Name of its user")).toHaveValue("");
  await page.goForward();

  await row(page, "made-here").getByRole("button", { name: "Revoke made-here" }).click();
  const dialog = page.getByRole("dialog", { name: "Revoke the token of made-here?" });
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await expect(row(page, "made-here").getByRole("button")).toBeFocused();
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Revoke it" }).click();
  await expect(row(page, "made-here")).toContainText("Revoked");
  await expect(row(page, "made-here").getByRole("button")).toHaveCount(0);
  await expect(page.getByRole("heading", { level: 1, name: "Tokens" })).toBeFocused();
  await expect(plane.cli(text, "whoami")).rejects.toThrow("TOKEN_REVOKED");
});

test("is not made twice when the response is lost", async ({ page, plane, admin }) => {
  await open(page, plane, admin, "/new-token");
  await page.getByLabel("Name of its user").fill("lost-one");
  let lost = 0;
  await page.route("**/*TokenService/Create", async (route) => {
    const response = await route.fetch();
    return lost++ === 0 ? route.abort("connectionreset") : route.fulfill({ response });
  });
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.getByRole("alert")).toContainText("cannot be reached");
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "The token's text is lost" })).toBeVisible();
  await page.getByRole("link", { name: "To the tokens" }).click();
  await expect(row(page, "lost-one")).toHaveCount(1);
});

test("says at its fields what is wrong", async ({ page, plane, admin }) => {
  await open(page, plane, admin, "/new-token");
  await page.getByLabel("Name of its user").fill("no name");
  await page.getByLabel("agent A program").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.getByRole("alert")).toContainText("2 fields are not right yet");
  await expect(page.getByLabel("Name of its user")).toBeFocused();
  await expect(page.getByLabel("Tenants", { exact: true })).toHaveAttribute("aria-invalid", "true");
});

test("of a tenant makes tokens of its tenant alone, and a reader makes none", async ({ page, plane }) => {
  const tenant = await plane.token("tess", "tenant", "--tenant", "tokens-t");
  await open(page, plane, tenant, "/new-token");
  await expect(page.getByLabel("admin Everything")).toHaveCount(0);
  await expect(page.getByLabel("operator Everything")).toHaveCount(0);
  await page.getByLabel("Name of its user").fill("child");
  await page.getByLabel("tenant Everything with").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.locator("main dl")).toContainText("tokens-t");
  await page.getByRole("link", { name: "I have it" }).click();
  await expect(page.locator("table.tokens tbody tr")).toHaveCount(2);
  await expect(row(page, "tess:")).toContainText("yours");

  const reader = await plane.token("ron", "reader");
  await page.evaluate((text) => sessionStorage.setItem("sendstores.token", text), reader);
  for (const path of ["/tokens", "/new-token", "/tenants", "/new-tenant", "/tenants/tokens-t"]) {
    await page.goto(plane.url + path);
    await expect(page.getByText(/^Your role, reader, cannot/)).toBeVisible();
  }
  const names = await page.getByRole("navigation", { name: "Main" }).getByRole("link").allInnerTexts();
  expect(names).toEqual(["Stores", "Trends", "Audit"]);
});

test("that is the reader's own opens the login over the page when it is revoked", async ({ page, plane }) => {
  const own = await plane.token("own-goal", "admin");
  await open(page, plane, own, "/tokens");
  await row(page, "own-goal").getByRole("button").click();
  await expect(page.getByRole("dialog")).toContainText("It is the token that you are logged in with.");
  await page.getByRole("button", { name: "Revoke it" }).click();
  await expect(page.getByRole("dialog", { name: "Log in again" })).toContainText("TOKEN_REVOKED");
});
