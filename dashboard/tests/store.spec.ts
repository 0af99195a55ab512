import type { Page } from "@playwright/test";
import { PASSWORD } from "./cluster";
import { expect, live, newId, open, test, type Plane } from "./rig";

const step = (page: Page, name: string) => page.locator(".steps li").filter({ hasText: name });

async function uidOf(page: Page): Promise<string> {
  return page.locator(".facts dt", { hasText: "UID" }).locator("+ dd").innerText();
}

async function shown(page: Page, plane: Plane, token: string, ready: boolean): Promise<string> {
  const id = newId();
  await plane.stage("create", id, "Tea & Cake", "acme", "team=a");
  if (ready) await plane.stage("ready", id);
  await open(page, plane, token, `/stores/${id}`);
  await live(page);
  return id;
}

test("shows each step as it happens, until it is ready with its evidence", async ({ page, plane, admin }) => {
  const id = await shown(page, plane, admin, false);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Tea & Cake");
  await expect(page.getByRole("link", { name: /Open the shop/ })).toHaveCount(0);
  await plane.stage("step", id, "database", "image and container are being prepared");
  await expect(step(page, "Database")).toHaveAttribute("aria-current", "step");
  await expect(step(page, "Database")).toContainText("image and container are being prepared");
  await expect(step(page, "Passwords")).toContainText("done");
  await plane.stage("ready", id);
  await expect(page.locator(".title .badge")).toHaveText("Ready");
  await expect(step(page, "First purchase check")).toContainText("done");
  await expect(page.locator(".checks li")).toHaveCount(5);
  await expect(page.locator(".checks")).toContainText("is for sale at 19.90 EUR");
  await expect(page.getByRole("link", { name: /Open the shop/ })).toHaveAttribute(
    "href",
    `http://${id}.localhost:8080`,
  );
  await expect(page.getByTestId("announcer")).toContainText("Ready");
});

test("that is stuck says why, and one thing to do", async ({ page, plane, admin }) => {
  const id = await shown(page, plane, admin, false);
  await plane.stage("stuck", id);
  const trouble = page.locator(".trouble");
  await expect(trouble).toContainText("An image cannot be pulled");
  await expect(trouble.locator(".todo")).toContainText("Push the image to the registry");
  await expect(trouble).toContainText("Pod wordpress-7c9d8bf6-x2x8q");
  await expect(trouble).toContainText("The server tries again in");
  await expect(trouble.getByRole("link", { name: /IMAGE_UNAVAILABLE/ })).toHaveAttribute(
    "href",
    /errors\.md#image_unavailable$/,
  );
  await plane.stage("fail", id);
  await expect(page.locator(".title .badge")).toHaveText("Failed");
  await expect(trouble).toContainText("does not try again by itself");
});

test("hands out its login by a click, masked, and hides it again", async ({ page, plane, admin }) => {
  await page.clock.install();
  const id = await shown(page, plane, admin, true);
  plane.cluster.add(id, await uidOf(page));
  await page.getByRole("button", { name: "Credentials" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Read it" }).click();
  await expect(dialog).toContainText("merchant");
  expect(await page.content()).not.toContain(PASSWORD);
  await dialog.getByRole("button", { name: "Show" }).click();
  await expect(dialog.locator(".secret")).toHaveText(PASSWORD);
  await page.clock.runFor(31_000);
  await expect(dialog.getByRole("button", { name: "Read it" })).toBeVisible();
  expect(await page.content()).not.toContain(PASSWORD);
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(page.locator(".history li").first()).toContainText("Credentials were read");
  await expect(page.locator(".history li").first()).toContainText("by ada");
});

test("whose login cannot be read says why", async ({ page, plane, admin }) => {
  await shown(page, plane, admin, true);
  await page.getByRole("button", { name: "Credentials" }).click();
  await page.getByRole("button", { name: "Read it" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("CLUSTER_UNAVAILABLE");
  await expect(page.getByRole("button", { name: "Try again" })).toBeVisible();
});

test("that has sold is deleted by its name only, and its removal is shown to the end", async ({
  page,
  plane,
  admin,
}) => {
  const id = await shown(page, plane, admin, true);
  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete for good" });
  await expect(confirm).toBeDisabled();
  await dialog.getByRole("textbox").fill(`${id}x`);
  await expect(confirm).toBeDisabled();
  await page.keyboard.press("Enter");
  await expect(page.locator(".title .badge")).toHaveText("Ready");
  await dialog.getByRole("textbox").fill(id);
  await confirm.click();
  await expect(page.locator(".title .badge")).toHaveText("Deleting");
  await expect(page.locator(".steps")).toContainText("Removal");
  await expect(page.getByRole("button", { name: "Delete" })).toHaveCount(0);
  await plane.stage("remove", id);
  await expect(page.locator(".notice")).toContainText("This store is deleted.");
  await page.reload();
  await expect(page.locator(".notice")).toContainText("There is no store of this name");
});

/** Opens the question, and waits until it knows whether the deletion could be undone, for which it asks the server. */
async function question(page: Page): Promise<void> {
  const known = page.waitForResponse("**/Delete");
  await page.getByRole("button", { name: "Delete" }).click();
  await known;
}

test("that was never ready is deleted by a click, also while it changes", async ({ page, plane, admin }) => {
  const id = await shown(page, plane, admin, false);
  await question(page);
  await expect(page.getByRole("dialog").getByRole("textbox")).toHaveCount(0);
  // The page does not know of this change when the call is sent: its stream is stopped on the way.
  await page.route(
    "**/Delete",
    async (route) => {
      await plane.stage("step", id, "release", "helm runs");
      await route.continue();
    },
    { times: 1 },
  );
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(page.locator(".title .badge")).toHaveText("Deleting");
});

test("that became ready under the question is not deleted by a click", async ({ page, plane, admin }) => {
  const id = await shown(page, plane, admin, false);
  await question(page);
  await page.route(
    "**/Delete",
    async (route) => {
      await plane.stage("ready", id);
      await route.continue();
    },
    { times: 1 },
  );
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("ETAG_MISMATCH");
  await expect(page.getByRole("dialog").getByRole("textbox")).toBeVisible();
  await expect(page.locator(".title .badge")).toHaveText("Ready");
});

test("is suspended after a question, and brought back by a click", async ({ page, plane, admin }) => {
  const id = await shown(page, plane, admin, true);
  await page.getByRole("button", { name: "Suspend" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("are kept");
  await dialog.getByRole("button", { name: "Suspend it" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.locator(".title .badge")).toHaveText("Suspending");
  await expect(page.getByRole("link", { name: /Open the shop/ })).toHaveCount(0);
  await expect(page.getByRole("heading", { name: "How it is stopped" })).toBeVisible();
  await expect(step(page, "Closing and stopping")).toBeVisible();
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.locator(".title .badge")).toHaveText("Resuming");
  await expect(page.locator(".history")).toContainText("Return was asked for");
  expect(id).toContain("store-");
});

test("is protected from deletion by a click, and given free by another", async ({ page, plane, admin }) => {
  await shown(page, plane, admin, true);
  const remove = page.getByRole("button", { name: "Delete" });
  await expect(remove).toBeVisible();
  await page.getByRole("button", { name: "Protect from deletion" }).click();
  await expect(remove).toHaveCount(0);
  await expect(page.getByRole("region", { name: "The store" })).toContainText("from deletion");
  await page.reload();
  await expect(page.getByRole("button", { name: "Allow deletion" })).toBeVisible();
  await expect(remove).toHaveCount(0);
  await page.getByRole("button", { name: "Allow deletion" }).click();
  await expect(remove).toBeVisible();
  await expect(page.locator(".history")).toContainText("A change was asked for");
});

test.describe("that is kept after its deletion", () => {
  test.beforeAll(async ({ plane }) => {
    await plane.kill();
    await plane.serve("--deletion-window", "7d");
  });
  test.afterAll(async ({ plane }) => {
    await plane.kill();
    await plane.serve();
  });

  async function remove(page: Page, id: string, open: string, confirm: string): Promise<void> {
    await page.getByRole("button", { name: open }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill(id);
    await dialog.getByRole("button", { name: confirm, exact: true }).click();
    await expect(dialog).toHaveCount(0);
  }

  test("is brought back by a click, or removed before its time", async ({ page, plane, admin }) => {
    const id = await shown(page, plane, admin, true);
    await page.getByRole("button", { name: "Delete" }).click();
    await expect(page.getByRole("dialog")).toContainText("until then it can be brought back");
    await page.keyboard.press("Escape");
    await remove(page, id, "Delete", "Delete");
    await expect(page.locator(".title .badge")).toHaveText("Closing");
    await expect(page.locator(".notice")).toContainText("its data is kept");
    await page.getByRole("button", { name: "Undelete" }).click();
    await expect(page.locator(".title .badge")).toHaveText("Resuming");
    await expect(page.locator(".history")).toContainText("Deletion was taken back");

    await remove(page, id, "Delete", "Delete");
    await expect(page.locator(".title .badge")).toHaveText("Closing");
    await page.getByRole("button", { name: "Remove now" }).click();
    await expect(page.getByRole("dialog")).toContainText("is removed for good");
    await page.keyboard.press("Escape");
    await remove(page, id, "Remove now", "Delete for good");
    await expect(page.locator(".title .badge")).toHaveText("Deleting");
    await expect(page.getByRole("button", { name: "Undelete" })).toHaveCount(0);
  });
});
