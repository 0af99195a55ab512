import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests",
  // These need a real cluster.
  testIgnore: [
    ...(process.env["STORY_SERVER"] ? [] : ["story/**"]),
    ...(process.env["MERCHANT_SHOP"] ? [] : ["merchant/**"]),
  ],
  outputDir: "../.dev/dashboard/results",
  // One server and one Redis for all, so that the tests follow each other.
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  // Deadlines, not figures: the machine may be busy with other tests.
  timeout: 90_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    colorScheme: "light",
    trace: "off",
    // The system's own browser: this test downloads none. A container's root has no sandbox.
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    },
  },
});
