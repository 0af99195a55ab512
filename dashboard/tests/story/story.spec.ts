// The whole story, on a real cluster: a shop is asked for, becomes ready, sells to a guest, breaks, says why, and is removed.
// `tests/tests/e2e_dashboard.rs` starts the server and says where everything is.
import { expect, test, type Page } from "@playwright/test";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { violations } from "../axe";

const run = promisify(execFile);
const given = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: tests/tests/e2e_dashboard.rs runs this`);
  return value;
};
/** What the cluster takes: images and pods on a machine that does other things, too. */
const LONG = 180_000;

/** Each view in both themes and at both widths: nothing is cut off, and axe finds nothing. */
async function look(page: Page, name: string): Promise<void> {
  const folder = process.env["DASHBOARD_PICTURES"];
  for (const colorScheme of ["dark", "light"] as const) {
    for (const width of [360, 1280]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      expect(await violations(page), `${name}, ${colorScheme}, ${width} px`).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide, `${name} is too wide`).toBeLessThanOrEqual(0);
      if (folder) await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${width}.png`, fullPage: true });
    }
  }
}

/** Buys as a guest does, in the shop's own tab: what the scripts of its cart and its checkout send. Returns the order's number. */
async function buy(shop: Page): Promise<number> {
  await expect(shop.getByText("Sample product").first()).toBeVisible({ timeout: LONG });
  return shop.evaluate(async () => {
    let cart = "";
    const api = async (path: string, body?: object) => {
      const headers: Record<string, string> = cart ? { "Cart-Token": cart } : {};
      if (body) headers["Content-Type"] = "application/json";
      const request = { headers, method: body ? "POST" : "GET", body: body && JSON.stringify(body) };
      const answer = await fetch(`/wp-json/wc/store/v1${path}`, request);
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      cart = answer.headers.get("Cart-Token") ?? cart;
      return answer.json();
    };
    const [product] = await api("/products");
    await api("/cart");
    const { payment_methods: methods } = await api("/cart/add-item", { id: product.id, quantity: 1 });
    const address = {
      first_name: "First",
      last_name: "Visitor",
      address_1: "Unter den Linden 1",
      city: "Berlin",
      postcode: "10117",
      country: "DE",
      state: "DE-BE",
      phone: "+49 30 1234567",
    };
    const order = await api("/checkout", {
      billing_address: { ...address, email: "guest@example.com" },
      shipping_address: address,
      payment_method: methods[0],
    });
    if (order.payment_result.payment_status !== "success") throw new Error(JSON.stringify(order));
    return Number(order.order_id);
  });
}

const kubectl = (...words: string[]) =>
  run(given("STORY_KUBECTL"), ["--kubeconfig", given("STORY_KUBECONFIG"), ...words]);

/** The merchant's own code ends every page. */
async function breakShop(id: string): Promise<void> {
  const code = "<?php no_such_function();";
  const write = `file_put_contents('/srv/wordpress/wp-content/mu-plugins/broken.php', '${code}');`;
  await kubectl("-n", id, "exec", "deployment/wordpress", "-c", "wordpress", "--", "php", "-r", write);
}

test("a shop from the click to its end", async ({ page, context }) => {
  test.setTimeout(10 * 60_000);
  const server = given("STORY_SERVER");
  await page.goto(server);
  await page.getByLabel("Token").fill(given("STORY_TOKEN"));
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Stores" })).toBeVisible();
  await page.getByRole("link", { name: "Create a store" }).click();
  await page.getByLabel("Title").fill("Tea & Cake");
  await page.getByRole("button", { name: "Create the store" }).click();

  // It is made before the reader's eyes.
  const badge = page.locator(".title .badge");
  await expect(badge).toHaveText("Provisioning");
  await look(page, "making");
  await expect(badge).toHaveText("Ready", { timeout: LONG });
  await expect(page.locator(".steps li").last()).toContainText("done");
  await expect(page.locator(".checks")).toContainText("Sample product");
  const id = /store-[a-z0-9-]+$/.exec(page.url())?.[0] ?? "";

  // The shop sells in another tab.
  const [shop] = await Promise.all([
    context.waitForEvent("page"),
    page.getByRole("link", { name: /Open the shop/ }).click(),
  ]);
  await shop.goto(`${new URL(shop.url()).origin}/shop/`);
  expect(await buy(shop)).toBeGreaterThan(0);
  if (process.env["DASHBOARD_PICTURES"])
    await shop.screenshot({ path: `${process.env["DASHBOARD_PICTURES"]}/bought.png` });
  await shop.close();
  await look(page, "ready");
  await page.goto(`${server}/trends`);
  await expect(page.locator(".creations rect").first()).toBeVisible();
  await look(page, "trends");

  // It does not sell any more, and the page says so by itself, with the place of the error.
  await page.goto(`${server}/stores/${id}`);
  await expect(badge).toHaveText("Ready");
  await breakShop(id);
  await expect(badge).toHaveText("Degraded", { timeout: LONG });
  const trouble = page.locator(".trouble");
  await expect(trouble).toContainText("PHP stopped with an error");
  await expect(trouble).toContainText("broken.php");
  await expect(trouble.locator(".todo")).not.toBeEmpty();
  await expect(page.locator(".checks li.bad").first()).toBeVisible();
  await look(page, "broken");

  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox").fill(id);
  await dialog.getByRole("button", { name: "Delete for good" }).click();
  await expect(badge).toHaveText("Deleting");
  await look(page, "removing");
  await expect(page.locator(".notice")).toContainText("This store is deleted.", { timeout: LONG });
  await expect(async () => {
    await expect(kubectl("get", "namespace", id)).rejects.toThrow(/NotFound|not found/);
  }).toPass({ timeout: LONG });
});
