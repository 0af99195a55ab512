// A merchant's first minutes in a new shop, and the first guest's: each page as a browser sees it. No error in its console, no failed
// request, no other host, no notice that nothing can be done about. `tests/tests/e2e_merchant.rs` makes the store and says where it is.
// With the stand-in in the place of WooCommerce the pages that only WooCommerce has are left out.
import { expect, test, type Page } from "@playwright/test";
import { noise } from "./picture";
import { picture, watch } from "./watched";

const given = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: tests/tests/e2e_merchant.rs runs this`);
  return value;
};
const shop = () => new URL(given("MERCHANT_SHOP"));
const real = () => process.env["MERCHANT_WOOCOMMERCE"] === "real";

/** The pages of the administration that every merchant opens, by their paths. */
const ADMIN: [string, string, "both" | "real"][] = [
  ["home", "", "both"],
  ["posts", "edit.php", "both"],
  ["media", "upload.php", "both"],
  ["products", "edit.php?post_type=product", "both"],
  ["plugins", "plugins.php", "both"],
  ["themes", "themes.php", "both"],
  ["users", "users.php", "both"],
  ["settings", "options-general.php", "both"],
  ["reading", "options-reading.php", "both"],
  ["permalinks", "options-permalink.php", "both"],
  ["site-health", "site-health.php", "both"],
  ["store-home", "admin.php?page=wc-admin", "real"],
  ["orders", "admin.php?page=wc-orders", "real"],
  ["store-settings", "admin.php?page=wc-settings", "real"],
  ["payments", "admin.php?page=wc-settings&tab=checkout", "real"],
  ["shipping", "admin.php?page=wc-settings&tab=shipping", "real"],
  ["mails", "admin.php?page=wc-settings&tab=email", "real"],
  ["status", "admin.php?page=wc-status", "real"],
  ["analytics", "admin.php?page=wc-admin&path=%2Fanalytics%2Foverview", "real"],
];

/** What a page tells the merchant that something is wrong. */
async function complaints(page: Page): Promise<string[]> {
  const notices = page
    .locator(".notice-error, .notice-warning, .update-nag, .woocommerce-message.error")
    .filter({ visible: true });
  return (await notices.allInnerTexts()).map((text) => text.trim()).filter(Boolean);
}

async function log_in(page: Page): Promise<void> {
  await page.goto(`${shop().origin}/wp-login.php`);
  await page.locator("#user_login").fill(given("MERCHANT_USER"));
  await page.locator("#user_pass").fill(given("MERCHANT_PASSWORD"));
  await page.locator("#wp-submit").click();
  await expect(page.locator("#wpadminbar")).toBeVisible();
}

/** Puts a picture of 8 MB into the library. */
async function upload(page: Page): Promise<void> {
  await page.goto(`${shop().origin}/wp-admin/media-new.php?browser-uploader`);
  const content = noise(2000, 1400);
  expect(content.length).toBeGreaterThan(8 * 1000 * 1000);
  await page.locator("#async-upload").setInputFiles({ name: "tea.png", mimeType: "image/png", buffer: content });
  await page.locator("#html-upload").click();
  await expect(page).toHaveURL(/upload\.php/, { timeout: 60_000 });
  await expect(page.locator(".attachment img, .wp-list-table img").first()).toBeVisible();
}

/** Sells the picture: a product of its own. */
async function offer(page: Page): Promise<void> {
  await page.goto(`${shop().origin}/wp-admin/post-new.php?post_type=product`);
  await page.locator("#title").fill("Darjeeling");
  await page.locator("#_regular_price").fill("12.50");
  await page.locator("#set-post-thumbnail").click();
  await page.getByRole("tab", { name: "Media Library" }).click();
  await page.locator(".media-modal .attachment").first().click();
  await page.locator(".media-modal .media-button-select").click();
  await expect(page.locator("#set-post-thumbnail img")).toBeVisible();
  await page.locator("#publish").click();
  await expect(page.locator("#message.updated")).toBeVisible();
}

/** Buys as a guest does, by what is on the pages. */
async function buy(page: Page): Promise<void> {
  await page.goto(`${shop().origin}/product/darjeeling/`);
  const shown = page.locator(".woocommerce-product-gallery img").first();
  await expect(shown).toBeVisible();
  expect(await shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Add to cart", exact: true }).click();
  await page.goto(`${shop().origin}/checkout/`);
  await page.getByLabel("Email address").fill("guest@example.com");
  const answers: [RegExp, string][] = [
    [/^First name/, "First"],
    [/^Last name/, "Visitor"],
    [/^Address$/, "Main Street 1"],
    [/^City/, "San Francisco"],
    [/^ZIP Code/, "94103"],
  ];
  for (const [label, text] of answers) await page.getByLabel(label).first().fill(text);
  await page.getByRole("button", { name: "Place Order" }).click();
  await expect(page.getByText("Thank you. Your order has been received.")).toBeVisible({ timeout: 60_000 });
}

test("a merchant's first minutes, and the first guest's", async ({ page, browser }) => {
  test.setTimeout(10 * 60_000);
  const seen = watch(page, shop());
  await page.goto(shop().origin);
  await picture(page, "front");
  seen.clean("the front page");
  await log_in(page);
  for (const [name, path, where] of ADMIN) {
    if (where === "real" && !real()) continue;
    await expect(async () => {
      await page.goto(`${shop().origin}/wp-admin/${path}`, { waitUntil: "networkidle" });
      await expect(page.locator("#wpadminbar"), name).toBeVisible();
      // What WooCommerce has still to do in a new shop, it does by itself in its first minutes.
      expect(await complaints(page), name).toEqual([]);
    }).toPass({ timeout: 180_000, intervals: [5_000] });
    await picture(page, name);
    seen.clean(name);
  }
  await upload(page);
  seen.clean("the upload of a picture");
  if (!real()) return;
  await offer(page);
  seen.clean("a new product");
  const guest = await (await browser.newContext()).newPage();
  const guests = watch(guest, shop());
  await buy(guest);
  await picture(guest, "bought");
  guests.clean("the checkout");
  await page.goto(`${shop().origin}/wp-admin/admin.php?page=wc-orders`);
  await expect(page.locator(".wp-list-table")).toContainText("First Visitor");
  await picture(page, "first-order");
  seen.clean("the order");
});
