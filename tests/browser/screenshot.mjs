// Takes a screenshot of a report: `node screenshot.mjs REPORT_DIRECTORY IMAGE.png [WIDTH]`, with the variables of check.mjs.

import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [report, image, width = "1440"] = process.argv.slice(2);
const packages = createRequire(join(resolve(process.env.REPORT_CHECKS || "."), "package.json"));
const { chromium } = packages("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: Number(width), height: 900 }, reducedMotion: "reduce" });
await page.goto(pathToFileURL(resolve(report, "index.html")).href);
await page.evaluate(() => document.fonts.ready);
await page.screenshot({ path: image, fullPage: true });
await browser.close();
