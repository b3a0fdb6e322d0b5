// Checks reports in Chromium: `node check.mjs DIRECTORY [CHECK...]`, which has a directory per report. Prints what is wrong
// and exits with 1 if anything is. The variable REPORT_CHECKS names the directory with the packages, CHROMIUM the browser.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { accessibility } from "./accessibility.mjs";
import { deepLinks, folds } from "./links.mjs";
import { keyboard } from "./keyboard.mjs";
import { layout } from "./layout.mjs";
import { charts, thumbnails } from "./charts.mjs";
import { sameAsPlain, withoutScript } from "./content.mjs";
import { tables } from "./tables.mjs";

const directory = resolve(process.argv[2]);
const only = process.argv.slice(3);
const packages = createRequire(join(resolve(process.env.REPORT_CHECKS || "."), "package.json"));
const { chromium } = packages("playwright-core");
const axe = packages.resolve("axe-core/axe.min.js");

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

// The page of a sweep of twelve runs is short until its folds are opened.
async function short(page) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  return height < 6000 ? [] : [`the page is ${height} px tall`];
}

// The checks: name, how the page is opened, and what is done with it.
function checksOf(report) {
  const laidOut = (page) => layout(page, { namesAreCut: report === "hostile" });
  const accessible = (page) => accessibility(page, axe);
  const dark = { colorScheme: "dark" };
  return [
    ["layout", { width: 1440 }, laidOut, folds, laidOut, accessible],
    ["layout", { width: 1100 }, laidOut, folds, laidOut],
    ["layout", { width: 390 }, laidOut, folds, laidOut, accessible],
    ["dark", { width: 1440, media: dark }, folds, laidOut, accessible],
    ["dark", { width: 390, media: dark }, folds, accessible],
    ["print", { width: PAPER, media: { media: "print" } }, laidOut],
    ["tables", {}, folds, tables],
    ["charts", {}, folds, charts],
    ["links", {}, deepLinks],
    ["keyboard", {}, keyboard],
    ["content", { script: false }, (page) => withoutScript(page, join(directory, report)), laidOut],
    ...(report === "full" ? [["charts", {}, folds, thumbnails], ["charts", { width: 390 }, folds, charts]] : []),
    ...(report === "sweep" ? [["layout", { width: 1440 }, short]] : []),
    ...(report === "hostile" ? [["content", {}, (page) => sameAsPlain(page, join(directory, "full"))]] : []),
  ];
}

async function checkReport(browser, report) {
  for (const [name, options, ...checks] of checksOf(report)) {
    if (only.length && !only.includes(name)) continue;
    await on(browser, report, options, async (page) => {
      const found = [];
      for (const check of checks) found.push(...await check(page));
      return found;
    });
  }
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
await browser.close();
const distinct = [...new Set(problems)];
console.log(distinct.join("\n"));
console.log(`${reports.length} reports, ${distinct.length} problems, ${((Date.now() - started) / 1000).toFixed(0)} s`);
process.exit(distinct.length ? 1 : 0);
