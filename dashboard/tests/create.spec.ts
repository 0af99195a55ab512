import { expect, live, open, test } from "./rig";

test("needs nothing but a click, and makes one store however often it is sent", async ({ page, plane, admin }) => {
  const ids = new Set<string>();
  await open(page, plane, admin, "/stores/new");
  // The first response is lost on the way.
  let lost = 0;
  await page.route("**/Create", async (route) => {
    const response = await route.fetch();
    const found = /store-[a-z0-9]{8}/.exec((await response.body()).toString("latin1"))?.[0];
    if (found) ids.add(found);
    if (lost++ === 0) return route.abort("connectionreset");
    return route.fulfill({ response });
  });
  await page.getByRole("button", { name: "Create the store" }).click();
  await expect(page.getByRole("alert")).toContainText("cannot be reached");
  await page.getByRole("button", { name: "Create the store" }).click();
  await expect(page).toHaveURL(/\/stores\/store-[a-z0-9]{8}$/);
  await live(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("My shop");
  expect(ids.size).toBe(1);
  await expect(page.locator(".history")).toContainText("by ada");
});

test("says at each field what is wrong with it, when the reader leaves it and when it is sent", async ({
  page,
  plane,
  admin,
}) => {
  await open(page, plane, admin, "/stores/new");
  const currency = page.getByLabel("Currency", { exact: true });
  await currency.fill("EURO");
  await page.getByLabel("Title").focus();
  await expect(currency).toHaveAttribute("aria-invalid", "true");
  await expect(currency).toHaveAccessibleDescription(/ISO 4217/);
  await currency.fill("EUR");
  await page.getByLabel("Title").focus();
  await expect(currency).not.toHaveAttribute("aria-invalid", "true");

  await page.getByText("Name and owner of the store").click();
  await page.getByLabel("Id", { exact: true }).fill("shop");
  await page.getByLabel("Labels").fill("a b=c");
  await expect(page.getByLabel("Id", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await page.getByText("Calculate taxes").click();
  // The server names the one label that is wrong.
  await expect(page.getByLabel("Labels")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("Standard rate of tax").fill("a lot");
  await page.getByRole("button", { name: "Create the store" }).click();
  await expect(page.getByText("3 fields are not right yet")).toBeVisible();
  await expect(page.getByLabel("Id", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Labels")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Standard rate of tax")).toBeFocused();
  await expect(page).toHaveURL(/\/stores\/new$/);
});

test("takes every setting", async ({ page, plane, admin }) => {
  const id = "store-every-setting";
  await open(page, plane, admin, "/stores/new");
  for (const details of await page.locator("details.card > summary").all()) await details.click();
  const texts: [string, string][] = [
    ["Title", "Käse & Brot"],
    ["Country", "DE"],
    ["Currency", "EUR"],
    ["The merchant's e-mail address", "owner@example.com"],
    ["Language", "de_DE"],
    ["Time zone", "Europe/Berlin"],
    ["Weights in", "g"],
    ["Lengths in", "mm"],
    ["Cost of shipping", "4.90"],
    ["Release", "default"],
    ["Volume of the database", "20"],
    ["Volume of the uploads", "50"],
    ["Id", id],
    ["Tenant", "acme"],
    ["The merchant's login name", "owner"],
    ["Labels", "team=a, campaign=spring"],
  ];
  for (const [label, text] of texts) await page.getByLabel(label, { exact: true }).fill(text);
  await page.getByLabel("Empty").check();
  await page.getByLabel("Cash on delivery").uncheck();
  await page.getByLabel("Calculate taxes").check();
  await page.getByLabel("Standard rate of tax").fill("19");
  await page.getByLabel("Prices are entered with tax").check();
  await page.getByRole("button", { name: "Create the store" }).click();
  await expect(page).toHaveURL(`${plane.url}/stores/${id}`);
  const settings = page.getByRole("region", { name: "Settings at the start" });
  for (const text of [
    "owner, owner@example.com",
    "19 %, prices with tax",
    "Bank transfer",
    "4.90 EUR",
    "Empty",
    "g, mm",
    "Europe/Berlin",
  ]) {
    await expect(settings).toContainText(text);
  }
  const facts = page.getByRole("region", { name: "The store" });
  await expect(facts).toContainText("database 20 GiB, uploads 50 GiB");
  await expect(facts).toContainText("campaign=spring");
  await facts.getByRole("link", { name: "team=a" }).click();
  await expect(page).toHaveURL(/label=team%3Da/);
  await expect(page.locator("table.stores")).toContainText("Käse & Brot");
});

test("an id that is taken is said as it is", async ({ page, plane, admin }) => {
  await plane.stage("create", "store-taken", "Taken");
  await open(page, plane, admin, "/stores/new");
  await page.getByText("Name and owner of the store").click();
  await page.getByLabel("Id", { exact: true }).fill("store-taken");
  await page.getByRole("button", { name: "Create the store" }).click();
  await expect(page.getByRole("alert")).toContainText("STORE_EXISTS");
});

test("a click that is begun before a fault is shown reaches its button", async ({ page, plane, admin }) => {
  await open(page, plane, admin, "/stores/new");
  await page.getByLabel("Currency", { exact: true }).fill("EURO");
  const checked = page.waitForResponse("**/Create");
  const create = page.getByRole("button", { name: "Create the store" });
  await create.scrollIntoViewIfNeeded();
  const button = await create.boundingBox();
  if (!button) throw new Error("there is no button");
  await page.mouse.move(button.x + 10, button.y + 10);
  await page.mouse.down();
  // The field is left by the press, and the server says what is wrong with it before the release.
  await (await checked).finished();
  await page.mouse.up();
  await expect(page.getByRole("alert")).toContainText("One field is not right yet");
});
