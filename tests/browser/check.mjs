// Checks reports in Chromium: `node check.mjs DIRECTORY`, which has a directory per report. Prints what is wrong and exits
// with 1 if anything is. The variable REPORT_CHECKS names the directory with the packages, CHROMIUM the browser.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { accessibility } from "./accessibility.mjs";
import { deepLinks, folds } from "./links.mjs";
import { keyboard } from "./keyboard.mjs";
import { layout } from "./layout.mjs";
import { charts } from "./charts.mjs";
import { sameAsPlain, withoutScript } from "./content.mjs";
import { tables } from "./tables.mjs";

const directory = resolve(process.argv[2]);
const packages = createRequire(join(resolve(process.env.REPORT_CHECKS || "."), "package.json"));
const { chromium } = packages("playwright-core");
const axe = packages.resolve("axe-core/axe.min.js");

const WIDTHS = [1440, 1100, 390];
// The width of an A4 page between margins of 10 mm.
const PAPER = 718;
const problems = [];

// Opens a page and runs a check on it; requests, errors of the console and of the script are problems everywhere.
async function on(browser, report, { width = 1440, media = {}, script = true, hash = "" }, check) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, javaScriptEnabled: script, reducedMotion: "reduce" });
  const page = await context.newPage();
  const address = pathToFileURL(join(directory, report, "index.html")).href + hash;
  const where = [report, width, media.colorScheme, media.media, script ? "" : "without script"].filter(Boolean).join(", ");
  const problem = (text) => problems.push(`${where}: ${text}`);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problem(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problem(`script: ${error.message}`));
  page.on("dialog", (dialog) => {
    problem(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith("data:") && request.url() !== address.replace(/#.*/, "")) problem(`request: ${request.url().slice(0, 100)}`);
  });
  try {
    await page.emulateMedia({ reducedMotion: "reduce", ...media });
    await page.goto(address);
    await page.evaluate(() => document.fonts.ready);
    for (const found of await check(page)) problem(found);
  } catch (error) {
    problem(`failed: ${error.stack}`);
  }
  await context.close();
}

async function checkReport(browser, report) {
  const check = (options, ...checks) => on(browser, report, options, async (page) => {
    const found = [];
    for (const each of checks) found.push(...await each(page));
    return found;
  });
  const namesAreCut = report === "hostile";
  const laidOut = (page) => layout(page, { namesAreCut });
  const accessible = (page) => accessibility(page, axe);
  for (const width of WIDTHS) await check({ width }, laidOut, folds, laidOut, ...(width === 1100 ? [] : [accessible]));
  await check({ width: 1440, media: { colorScheme: "dark" } }, folds, laidOut, accessible);
  await check({ width: 390, media: { colorScheme: "dark" } }, folds, accessible);
  await check({ width: PAPER, media: { media: "print" } }, laidOut);
  await check({}, tables);
  await check({}, folds, charts);
  await check({ width: 390 }, folds, charts);
  await check({}, deepLinks);
  await check({}, keyboard);
  await check({ script: false }, (page) => withoutScript(page, join(directory, report)), laidOut);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const started = Date.now();
const reports = readdirSync(directory).sort();
// Two at a time: laying out and measuring keep a core busy.
const queue = [...reports];
const worker = async () => {
  for (let report = queue.shift(); report; report = queue.shift()) await checkReport(browser, report);
};
await Promise.all([worker(), worker()]);
if (reports.includes("hostile")) await on(browser, "full", {}, (page) => sameAsPlain(page, join(directory, "hostile", "index.html")));
await browser.close();
const distinct = [...new Set(problems)];
console.log(distinct.join("\n"));
console.log(`${reports.length} reports, ${distinct.length} problems, ${((Date.now() - started) / 1000).toFixed(0)} s`);
process.exit(distinct.length ? 1 : 0);
