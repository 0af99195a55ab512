import { expect, live, newId, open, test } from "./rig";

const CANARY = `<img src=x onerror="window.hit=1"><script>window.hit=2</script>"'}{{7*7}}javascript:window.hit=3`;

test.describe("texts of others", () => {
  test("in titles, events and logs are shown as text and never run", async ({ page, plane, admin }) => {
    const id = newId();
    await plane.stage("create", id, CANARY.slice(0, 95), "acme", "team=javascript");
    await plane.stage("fail", id, CANARY);
    for (const path of [
      `/?q=${id}`,
      `/stores/${id}`,
      `/?label=${encodeURIComponent(CANARY)}`,
      `/?q=${encodeURIComponent(CANARY.slice(0, 99))}`,
    ]) {
      await open(page, plane, admin, path);
      // The server refuses what is no label at all.
      if (path.startsWith("/?label")) await expect(page.getByRole("alert")).toContainText("INVALID_FIELD");
      else await live(page);
      await expect(page.locator("main")).not.toHaveText("");
      expect(await page.evaluate(() => (window as { hit?: number }).hit), path).toBeUndefined();
      expect(await page.locator("main img, main script, main iframe").count()).toBe(0);
    }
    await page.goto(`${plane.url}/stores/${id}`);
    await expect(page.getByRole("heading", { level: 1 })).toContainText("<img src=x onerror=");
    await expect(page.locator(".found pre")).toContainText("<script>window.hit=2</script>");
    expect(await page.title()).toContain("<img");
  });

  test.describe("that break the policy on purpose", () => {
    test.use({ mayViolate: true });
    test("cannot become a script even through a fault of the page", async ({ page, plane, admin }) => {
      await open(page, plane, admin);
      await live(page);
      const outcome = await page.evaluate(() => {
        try {
          document.body.innerHTML += "<b>x</b>";
          return "taken";
        } catch (error) {
          return String(error);
        }
      });
      expect(outcome).toContain("TrustedHTML");
      const inline = await page.evaluate(() => {
        const link = document.createElement("a");
        try {
          link.setAttribute("onclick", "window.hit=4");
        } catch {
          // Browsers that know Trusted Types refuse it at once.
        }
        document.body.append(link);
        link.click();
        return (window as { hit?: number }).hit;
      });
      expect(inline).toBeUndefined();
    });
  });

  test("an address that leads nowhere says so", async ({ page, plane, admin }) => {
    await open(page, plane, admin, "/stores/..%2f<script>");
    await expect(page.getByRole("heading", { level: 1, name: "There is no such page" })).toBeVisible();
  });
});
