import { violations } from "./axe";
import { Issuer } from "./issuer";
import { expect, test as base } from "./rig";

const CLIENT = "dashboard-of-tests";

/** The server takes the tokens of an issuer, at which the page logs in. */
const test = base.extend<{ issuer: Issuer }>({
  issuer: async ({ plane, others }, use) => {
    const issuer = new Issuer(CLIENT);
    await issuer.start();
    others.push(issuer.url);
    const bindings = await plane.file(
      "auth.yaml",
      `bindings:\n  - {subjects: ["oidc:${issuer.url}#user:alice"], role: operator}\n`,
    );
    await plane.kill();
    await plane.serve(
      `--auth-config=${bindings}`,
      `--oidc-issuer=${issuer.url}`,
      `--oidc-audience=${CLIENT}`,
      `--dashboard-oidc-client-id=${CLIENT}`,
    );
    await use(issuer);
    issuer.stop();
    await plane.kill();
    await plane.serve();
  },
});

test("logs in at the issuer, comes back to the page, and keeps neither code nor verifier", async ({
  page,
  plane,
  issuer,
}) => {
  const response = await page.goto(`${plane.url}/audit?decision=denied`);
  expect(response?.headers()["content-security-policy"]).toContain(`connect-src 'self' ${issuer.url};`);
  await page.getByRole("button", { name: `Log in at ${new URL(issuer.url).host}` }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
  await expect(page).toHaveURL(`${plane.url}/audit?decision=denied`);
  await expect(page.locator(".who summary")).toContainText("operator");
  expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual(["sendstores.token"]);
  // The code does not come back by the back button.
  await page.reload();
  await expect(page.locator(".who summary")).toContainText("operator");
  await page.locator(".who summary").click();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Log in" })).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

test("says why a login at the issuer fails", async ({ page, plane, issuer }) => {
  await page.goto(plane.url);
  const button = page.getByRole("button", { name: /^Log in at/ });
  await button.waitFor();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 360, height: 900 });
    expect(await violations(page)).toEqual([]);
    const folder = process.env["DASHBOARD_PICTURES"];
    if (folder) await page.screenshot({ path: `${folder}/issuer-${colorScheme}-360.png` });
  }
  issuer.refusal = "access_denied";
  await button.click();
  await expect(page.getByRole("alert")).toContainText("The issuer refuses: access_denied");
  issuer.refusal = "";
  issuer.forgetful = true;
  await button.click();
  await expect(page.getByRole("alert")).toContainText("The ID token is of another login");
  // An answer without a request logs no one in.
  await page.goto(`${plane.url}/login?code=stolen&state=guessed`);
  await expect(page.getByRole("heading", { level: 1, name: "Log in" })).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.getItem("sendstores.token"))).toBeNull();
  issuer.stop();
  await button.click();
  await expect(page.getByRole("alert")).toContainText("does not answer this page");
});
