// Everybody can use it: no violation that axe finds, in both themes and on a telephone; and all of it by the keyboard alone.
import type { Page } from "@playwright/test";
import { violations } from "./axe";
import { expect, live, newId, open, test, type Plane } from "./rig";

/** Each view of the dashboard, drawn to its end. */
async function views(page: Page, plane: Plane, admin: string): Promise<[string, () => Promise<void>][]> {
  const [ready, stuck, going] = [newId(), newId(), newId()];
  await plane.stage("create", ready, "Accessible", "views", "team=a");
  await plane.stage("ready", ready);
  await plane.stage("create", stuck, "Stuck", "views");
  await plane.stage("fail", stuck, "a log line");
  await plane.stage("create", going, "Going", "views");
  await plane.stage("step", going, "database", "the pod is being started");
  // What the audit has: a store of a caller, and a tenant that may have no more.
  const [audited, declared] = [newId(), newId()];
  await plane.cli(admin, "tenant", "create", declared, "--name", "A tenant & its long name", "--max-stores", "1");
  await plane.cli(admin, "create", audited, "--tenant", declared);
  const shows = async (path: string, text: string) => {
    await page.goto(plane.url + path);
    await page.getByText(text).first().waitFor();
  };
  const to = async (path: string) => {
    await page.goto(plane.url + path);
    await live(page);
  };
  return [
    [
      "login",
      async () => {
        await page.goto(plane.url);
        await page.getByLabel("Token").fill("none of ours");
        await page.getByRole("button", { name: "Log in" }).click();
        await page.getByRole("alert").waitFor();
      },
    ],
    [
      "fleet",
      async () => {
        await open(page, plane, admin, "/?tenant=views");
        await live(page);
        await page.locator(".tile").first().waitFor();
      },
    ],
    ["ready", () => to(`/stores/${ready}`)],
    ["stuck", () => to(`/stores/${stuck}`)],
    ["going", () => to(`/stores/${going}`)],
    [
      "delete",
      async () => {
        await to(`/stores/${ready}`);
        await page.getByRole("button", { name: "Delete" }).click();
      },
    ],
    [
      "create",
      async () => {
        await page.goto(`${plane.url}/stores/new`);
        for (const details of await page.locator("details.card > summary").all()) await details.click();
        await page.getByLabel("Country").fill("Germany");
        await page.getByRole("button", { name: "Create the store" }).click();
        await page.locator("[aria-invalid=true]").waitFor();
      },
    ],
    [
      "audit",
      async () => {
        await page.goto(`${plane.url}/audit?about=${encodeURIComponent(audited)}`);
        await page.locator("table.audit summary").first().click();
      },
    ],
    ["trends", () => shows("/trends", "The same as a table")],
    ["audit-empty", () => shows("/audit?about=nothing", "No entry matches.")],
    ["tokens", () => shows("/tokens", "Each user and program")],
    [
      "revoke",
      async () => {
        await shows("/tokens", "Each user and program");
        await page
          .getByRole("button", { name: /^Revoke/ })
          .first()
          .click();
      },
    ],
    [
      "new-token",
      async () => {
        await shows("/new-token", "Only these permissions");
        await page.getByLabel("agent A program").check();
        await page.getByRole("button", { name: "Make the token" }).click();
        await page.locator("[aria-invalid=true]").first().waitFor();
      },
    ],
    [
      "made-token",
      async () => {
        await shows("/new-token", "Only these permissions");
        await page.getByLabel("Name of its user").fill("seen");
        await page.getByRole("button", { name: "Make the token" }).click();
        await page.getByText("Copy it now.").waitFor();
      },
    ],
    ["tenants", () => shows("/tenants", "The owners of stores")],
    ["tenant", () => shows(`/tenants/${declared}`, "Name and limits")],
    ["new-tenant", () => shows("/new-tenant", "Limits")],
    ["nowhere", async () => void (await page.goto(`${plane.url}/nowhere`))],
  ];
}

for (const scheme of ["light", "dark"] as const) {
  for (const width of [1280, 360]) {
    test(`no view has a violation in the ${scheme} theme at ${width} px, nor is wider than the window`, async ({
      page,
      plane,
      admin,
    }) => {
      test.setTimeout(120_000);
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      for (const [name, draw] of await views(page, plane, admin)) {
        await draw();
        expect(await violations(page), name).toEqual([]);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(wide, `${name} is too wide`).toBeLessThanOrEqual(0);
        const folder = process.env["DASHBOARD_PICTURES"];
        if (folder) await page.screenshot({ path: `${folder}/${name}-${scheme}-${width}.png`, fullPage: true });
      }
    });
  }
}

test("the theme is chosen by a button and kept, whatever the system says", async ({ page, plane, admin }) => {
  await open(page, plane, admin);
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: /Colours: system/ }).click();
  await page.getByRole("button", { name: /Colours: light/ }).click();
  expect(await ground()).not.toBe(light);
  await page.reload();
  await expect(page.getByRole("button", { name: /Colours: dark/ })).toBeVisible();
  expect(await ground()).not.toBe(light);
});

/** Presses Tab until the element has the focus. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      return element && element !== document.body
        ? `${element.getAttribute("aria-label") ?? ""} ${element.textContent ?? ""} ${element.id}`
        : "";
    });
    if (name.test(focused)) return;
  }
  throw new Error(`Tab does not reach ${name}`);
}

test("a store is found, created and deleted by the keyboard alone", async ({ page, plane, admin }) => {
  await page.goto(plane.url);
  await tabTo(page, /token/);
  await page.keyboard.insertText(admin);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Stores" })).toBeFocused();
  // While the page after the login is being built, its heading may take the focus once more.
  await live(page);
  await tabTo(page, /Create a store/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Create a store" })).toBeFocused();
  await tabTo(page, /title/);
  await page.keyboard.type("By the keyboard");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "By the keyboard" })).toBeFocused();
  await tabTo(page, /^ Delete/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  // Escape closes it, and the focus is back where it was.
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Delete" })).toBeFocused();
  await page.keyboard.press("Enter");
  await tabTo(page, /Delete for good/);
  await page.keyboard.press("Enter");
  await expect(page.locator(".title .badge")).toHaveText("Deleting");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(page.locator("table.stores")).toContainText("By the keyboard");
});

test("the focus goes to the heading when another caller removes what has it", async ({ page, plane, admin }) => {
  const id = newId();
  await plane.stage("create", id, "Taken away");
  await open(page, plane, admin, `/stores/${id}`);
  await live(page);
  const button = page.getByRole("button", { name: "Delete" });
  // Also after the dialog was there and is closed again.
  await button.click();
  await page.keyboard.press("Escape");
  await expect(button).toBeFocused();
  await plane.cli(admin, "delete", id, "--yes");
  await expect(button).toHaveCount(0);
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
});
